package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
)

func mustLoad(t testing.TB, files map[string]string, in Input) *Config {
	t.Helper()
	c, list := Load(writeFiles(t, files), in)
	if err := list.Err(); err != nil {
		t.Fatalf("loading: %v", err)
	}
	return c
}

func TestExamplesLoad(t *testing.T) {
	dirs, err := filepath.Glob("../examples/*/main.trove.hcl")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, main := range dirs {
		values, _ := filepath.Glob(filepath.Join(filepath.Dir(main), "*.trovevars.hcl")) // one for each environment
		inputs := []Input{{Version: "0.1.0"}}
		for i, file := range values {
			inputs = append(inputs[:i], Input{Version: "0.1.0", VarFiles: []string{file}})
		}
		for _, in := range inputs {
			exampleLoads(t, main, in)
		}
	}
}

func exampleLoads(t *testing.T, main string, in Input) {
	t.Helper()
	c, list := Load(filepath.Dir(main), in)
	if len(list) > 0 {
		t.Errorf("%s, %s: %s", main, in.VarFiles, showList(list))
	}
	if len(c.Set.Resources) == 0 {
		t.Errorf("%s: no resources", main)
	}
	for name, src := range c.Sources {
		formatted, list := Format(name, src)
		if len(list) > 0 || !bytes.Equal(formatted, src) {
			t.Errorf("%s/%s is not formatted", filepath.Dir(main), name)
		}
	}
}

// TestSameInputSameBytes loads every archive several times: maps have no order, what is told and desired has one.
func TestSameInputSameBytes(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"zz_base.trove.hcl": base}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".hcl") {
				files[f.Name] = string(f.Data)
			}
		}
		dir := writeFiles(t, files)
		first := ""
		for range 4 {
			c, list := Load(dir, Input{})
			outs, more := c.Outputs(nil, false)
			text := showList(list) + showList(more) + c.Digest + fmt.Sprint(outs, c.Missing)
			for _, res := range c.Set.Sorted() {
				body, err := json.Marshal(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				text += res.Address.String() + string(body)
			}
			if first == "" {
				first = text
			}
			if diff := cmp.Diff(first, text); diff != "" {
				t.Fatalf("%s: not the same twice:\n%s", path, diff)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	main := base + `
variable "a" { default = "x" }
variable "s" { sensitive = true }
output "f" { value = [file("data.txt"), fileexists("other.txt")] }
`
	files := map[string]string{"main.trove.hcl": main, "data.txt": "1"}
	digest := func(change map[string]string, environ ...string) string {
		all := maps.Clone(files)
		maps.Copy(all, change)
		return mustLoad(t, all, Input{Environ: environ}).Digest
	}
	same := digest(nil)
	if got := digest(nil, "TROVE_VAR_s=secret", "TROVE_VAR_a=x", "TROVE_VAR_undeclared=1"); got != same {
		t.Error("secrets and values that are the same change the digest")
	}
	for what, got := range map[string]string{
		"a variable":       digest(nil, "TROVE_VAR_a=y"),
		"a file":           digest(map[string]string{"main.trove.hcl": main + "\n"}),
		"another file":     digest(map[string]string{"x.trove.hcl": ""}),
		"what file() read": digest(map[string]string{"data.txt": "2"}),
		"what there is":    digest(map[string]string{"other.txt": ""}),
	} {
		if got == same {
			t.Errorf("%s does not change the digest", what)
		}
	}
}

func TestOutputs(t *testing.T) {
	c := mustLoad(t, map[string]string{"main.trove.hcl": base + `
locals {
  all = [instance.orders]
}
output "direct" {
  value       = instance.orders.port
  description = "a port"
}
output "through_local" {
  value = local.all[0].address
}
output "through_database" {
  value = database.d.instance.addresses
}
output "whole" {
  value = database.d
}
output "known" {
  value = instance.orders.name
}
database "d" {
  instance = instance.orders
}
`}, Input{})
	orders := resource.Address{Kind: resource.KindInstance, Name: "orders"}
	outs, list := c.Outputs(map[resource.Address]map[string]any{
		orders: {"port": 3306, "address": "10.0.0.5", "addresses": []string{"10.0.0.5"}, "unheard_of": true},
	}, true)
	got := map[string]any{}
	for _, o := range outs {
		got[o.Name] = o.Value
		if o.Name != "whole" && !o.Known {
			t.Errorf("%s is not known", o.Name)
		}
	}
	want := map[string]any{
		"direct": json.Number("3306"), "through_local": "10.0.0.5", "through_database": []any{"10.0.0.5"}, "known": "orders", "whole": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if len(list) != 1 || list[0].Code != "output-unknown" {
		t.Errorf("after apply the unknown one is told: %s", showList(list))
	}
	before, list := c.Outputs(nil, false)
	if len(list) != 0 {
		t.Errorf("before apply nothing is told: %s", showList(list))
	}
	for _, o := range before {
		if o.Known != (o.Name == "known") {
			t.Errorf("before apply %s is known: %t", o.Name, o.Known)
		}
	}
}

func TestMissingVariables(t *testing.T) {
	c, list := Load(writeFiles(t, map[string]string{"main.trove.hcl": base + `
variable "secret" {
  sensitive   = true
  description = "a password"
}
variable "plain" {}
`}), Input{})
	want := []MissingVariable{{Name: "plain"}, {Name: "secret", Description: "a password", Sensitive: true}}
	if diff := cmp.Diff(want, c.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if len(list) != 1 || list[0].Code != "variable-missing" {
		t.Errorf("told: %s", showList(list))
	}
}

func TestProviderStandsForEnvironment(t *testing.T) {
	c := mustLoad(t, map[string]string{"main.trove.hcl": `
provider "openstack" {
  cloud       = "dev"
  region      = "R1"
  cacert_file = "ca.pem"
  insecure    = true
  username    = "u"
  password    = "p-w-d"
  project_name = "p"
}
`}, Input{})
	for name, want := range map[string]string{
		"OS_CLOUD": "dev", "OS_REGION_NAME": "R1", "OS_CACERT": "ca.pem", "OS_INSECURE": "true", "OS_USERNAME": "u",
		"OS_PASSWORD": "p-w-d", "OS_TENANT_NAME": "p", "OS_PROJECT_NAME": "p",
	} {
		if got, ok := c.Providers[0].Getenv(name); !ok || got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, ok := c.Providers[0].Getenv("OS_TOKEN"); ok {
		t.Error("what is not given has a value")
	}
	if _, ok := c.Providers[0].Getenv("HOME"); ok {
		t.Error("other variables are not the provider's")
	}
}

func TestGuestBlock(t *testing.T) {
	c := mustLoad(t, map[string]string{"main.trove.hcl": `
guest {
  network      = "mgmt"
  config_drive = false
  agent_file   = "dist/agent"
  timeouts {
    boot    = "20m"
    install = "1h30m"
  }
  transport "ssh" {
    private_key_file = "key"
    user             = "ci"
    port             = 2222
    source_cidrs     = ["10.0.0.2/32", "10.0.0.1/32"]
    bastion {
      host     = "b"
      host_key = "ssh-ed25519 AAAA"
      port     = 2022
      user     = "jump"
    }
  }
}
`}, Input{})
	want := Guest{Network: "mgmt", AgentFile: "dist/agent", Timeouts: map[string]time.Duration{"boot": 20 * time.Minute, "install": 90 * time.Minute}, Transports: []string{"ssh"}, SSH: &SSH{
		PrivateKeyFile: "key", User: "ci", Port: 2222, SourceCIDRs: []string{"10.0.0.1/32", "10.0.0.2/32"},
		Bastion: &Bastion{Host: "b", Port: 2022, User: "jump", HostKey: "ssh-ed25519 AAAA"},
	}}
	if diff := cmp.Diff(want, c.Guest); diff != "" {
		t.Errorf("guest (-want +got):\n%s", diff)
	}
	empty := mustLoad(t, map[string]string{"main.trove.hcl": "locals {}\n"}, Input{})
	if diff := cmp.Diff(Guest{ConfigDrive: true, Transports: []string{"ssh"}, SSH: &SSH{User: "trovectl", Port: 22}}, empty.Guest); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if len(empty.Providers) != 1 || len(empty.Set.Resources) != 0 {
		t.Errorf("an empty configuration has one provider and no resource: %+v", empty)
	}
}

func TestBrokers(t *testing.T) {
	c := mustLoad(t, map[string]string{"main.trove.hcl": `
provider "openstack" "west" {}
guest {
  transport "ssh" {}
  transport "amqp" {
    url            = "amqps://broker.ci:5671/"
    guest_url      = "amqps://10.1.0.5:5671"
    management_url = "https://broker.ci:15671"
    ca_file        = "ca.pem"
    cert_file      = "me.pem"
    key_file       = "me.key"
  }
  transport "amqp" "west" {
    url                 = "amqps://west:5671"
    management_url      = "https://west:15671"
    vhost               = "trove"
    client_certificates = true
  }
}
`}, Input{})
	if diff := cmp.Diff([]string{"amqp", "ssh"}, c.Guest.Transports); diff != "" {
		t.Errorf("transports (-want +got):\n%s", diff)
	}
	want := map[string]AMQP{
		"": {
			URL: "amqps://broker.ci:5671", GuestURL: "amqps://10.1.0.5:5671", ManagementURL: "https://broker.ci:15671",
			CAFile: "ca.pem", CertFile: "me.pem", KeyFile: "me.key", Mode: ModeSealed,
		},
		"west": {URL: "amqps://west:5671", GuestURL: "amqps://west:5671", ManagementURL: "https://west:15671", VHost: "trove", Certificates: true, Mode: ModeSealed},
	}
	if diff := cmp.Diff(want, c.Guest.AMQP, cmpopts.IgnoreFields(AMQP{}, "Range")); diff != "" {
		t.Errorf("brokers (-want +got):\n%s", diff)
	}
}

func TestDirectoryThatIsNotThere(t *testing.T) {
	c, list := Load(filepath.Join(t.TempDir(), "nothing"), Input{})
	if c == nil || !list.HasErrors() || len(list) != 1 {
		t.Errorf("told: %s", showList(list))
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.trove.hcl": "locals {}\n", ".hidden.trove.hcl": "{", "main.trove.hcl~": "{", "#x.trove.hcl": "{", "other.hcl": "{",
	})
	if err := os.Mkdir(filepath.Join(dir, "directory.trove.hcl"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, list := Load(dir, Input{}); len(list) > 0 {
		t.Errorf("told: %s", showList(list))
	}
}

func TestSchema(t *testing.T) {
	data, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	var documents []Document
	if err := json.Unmarshal(data, &documents); err != nil {
		t.Fatal(err)
	}
	if len(documents) != 5+len(resource.Kinds) {
		t.Errorf("%d documents", len(documents))
	}
	var walk func(path string, d Document)
	walk = func(path string, d Document) {
		for _, a := range append(d.Arguments, d.Computed...) {
			if a.Doc == "" || a.Type == "" {
				t.Errorf("%s.%s is not documented", path, a.Name)
			}
		}
		for _, b := range d.Blocks {
			if b.Doc == "" {
				t.Errorf("%s.%s is not documented", path, b.Name)
			}
			walk(path+"."+b.Name, b)
		}
	}
	for _, d := range documents {
		walk(d.Name, d)
	}
}

func TestVersionConstraints(t *testing.T) {
	for _, c := range []struct {
		constraint, version string
		want                bool
	}{
		{">= 0.1", "0.1.0", true}, {">= 0.1", "0.0.9", false}, {"0.1", "0.1.0", true}, {"= 0.1.1", "0.1.0", false}, {"!= 0.1", "0.1.0", false},
		{"> 0.1", "0.1.1", true}, {"<= 1", "1.0.0", true}, {"< 1", "1.0.0", false}, {"~> 1.4", "1.9.0", true}, {"~> 1.4", "2.0.0", false},
		{"~> 1.4.2", "1.4.9", true}, {"~> 1.4.2", "1.5.0", false}, {"~> 1.4", "1.3.0", false}, {">= 0.1, < 2", "v1.0.0-dev+x", true}, {">= 9", "", true},
	} {
		got, err := versionAllows(c.constraint, c.version)
		if err != nil || got != c.want {
			t.Errorf("%q with %q: %t, %v", c.constraint, c.version, got, err)
		}
	}
	for _, bad := range []string{"", ">=", "=> 1", ">= 1.2.3.4", "1..2", ">= -1", ">= 1,"} {
		if _, err := versionAllows(bad, "1.0.0"); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestBlocksInAnyOrder: the order of blocks and files means nothing.
func TestBlocksInAnyOrder(t *testing.T) {
	blocks := []string{
		base, "locals {\n  a = local.b\n}\n", "locals {\n  b = \"shop\"\n}\n", "database \"d\" {\n  instance = instance.orders\n  name = local.a\n}\n",
		"user \"u\" {\n  instance = instance.orders\n  databases = [database.d]\n}\n", "output \"o\" {\n  value = user.u.host\n}\n",
	}
	want := ""
	rapid.Check(t, func(rt *rapid.T) {
		var files [3]strings.Builder
		for _, b := range rapid.Permutation(blocks).Draw(rt, "order") {
			files[rapid.IntRange(0, 2).Draw(rt, "file")].WriteString(b)
		}
		c := mustLoad(t, map[string]string{
			"a.trove.hcl": files[0].String(), "b.trove.hcl": files[1].String(), "c.trove.hcl": files[2].String(),
		}, Input{})
		got := ""
		for _, res := range c.Set.Sorted() {
			body, err := resource.EncodeBody(res.Body)
			if err != nil {
				rt.Fatal(err)
			}
			got += res.Address.String() + string(body)
		}
		if want == "" {
			want = got
		}
		if got != want {
			rt.Fatalf("got %s\nwant %s", got, want)
		}
	})
}
