package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestSecretsAreNowhere searches everything that a load returns.
func TestSecretsAreNowhere(t *testing.T) {
	secrets := []string{"pw-from-env-1", "pw-from-file-2", "pw-literal-3", "pw-default-4", `pw-"quoted-5`, "pw-token-6"}
	files := map[string]string{
		"main.trove.hcl": base + `
variable "env" {
  sensitive = true
}
variable "file" {
  sensitive = true
  type      = map(string)
}
variable "default" {
  sensitive = true
  default   = "pw-default-4"
}
provider "openstack" {
  token = "pw-token-6"
}
locals {
  wrong = tonumber(var.env)
  also  = tonumber(nonsensitive(var.file["a"]))
}
user "a" {
  instance = instance.orders
  password = var.env
}
user "b" {
  instance = instance.orders
  password = "pw-literal-3"
}
user "c" {
  instance = instance.orders
  password = "pw-\"quoted-5"
  name     = var.default
}
output "o" {
  value     = [var.env, var.file]
  sensitive = true
}
`,
		"trovevars.hcl": "file = {\n  a = \"pw-from-file-2\"\n}\n",
	}
	c, list := Load(writeFiles(t, files), Input{Environ: []string{"TROVE_VAR_env=pw-from-env-1"}})
	if !list.HasErrors() {
		t.Fatal("the configuration has errors, but none is told")
	}
	listText, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	text := string(listText) + fmt.Sprintf("%v %+v", c.Secrets, c.Set)
	for name, src := range c.Sources {
		text += name + string(src)
		if len(src) != len(files[name]) {
			t.Errorf("%s: places moved", name)
		}
	}
	known := map[string]bool{}
	for _, s := range c.Secrets {
		known[s.Reveal()] = true
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q can be read", secret)
		}
		if !known[secret] {
			t.Errorf("%q is not among the secrets to scrub", secret)
		}
	}
}

// TestDerivedSecretsAreNotShown: what functions make from a secret is not what was searched for, and no less secret.
func TestDerivedSecretsAreNotShown(t *testing.T) {
	_, list := Load(writeFiles(t, map[string]string{"main.trove.hcl": `
variable "pw" {
  sensitive = true
}
locals {
  parsed   = parseint(upper(var.pw), 10)
  decoded  = tonumber(base64encode(var.pw))
  reversed = tonumber("z${strrev(var.pw)}")
  time     = timeadd(upper(var.pw), "1h")
  json     = jsondecode(strrev(var.pw))
  key      = { for k in [1, 2] : upper(var.pw) => k }
  open     = tonumber("just a text")
}
`}), Input{Environ: []string{"TROVE_VAR_pw=hidden-0"}})
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"HIDDEN", "neddih", "aGlkZGVu", "character '"} {
		if strings.Contains(string(text), part) {
			t.Errorf("%q is shown: %s", part, text)
		}
	}
	if !strings.Contains(string(text), "just a text") {
		t.Errorf("what is no secret is not shown: %s", text)
	}
	if len(list) != 7 {
		t.Errorf("%d diagnostics, not 7: %s", len(list), text)
	}
}
