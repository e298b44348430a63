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
