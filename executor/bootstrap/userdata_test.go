package bootstrap_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
)

var update = flag.Bool("update", false, "write the golden files")

const private = "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj\n-----END OPENSSH PRIVATE KEY-----\n"

func example() bootstrap.Guest {
	return bootstrap.Guest{
		Name: "orders", HostKeyPrivate: private, HostKeyPublic: "ssh-ed25519 AAAAhost trovectl",
		AuthorizedKey: bootstrap.AuthorizedKeyLine("ssh-ed25519 AAAAclient trovectl"),
		Agent: guest.AgentConfig{
			Member: "mmmmmmmmmmmm", Engine: "mariadb", Version: "10.11", Address: "10.0.0.2", Port: 3306, RAMMiB: 512,
			VolumeID: "11111111-2222-4333-8444-555555555555", Generation: 1,
		},
	}
}

// document is what cloud-init reads of it.
type document struct {
	Hostname   string            `yaml:"hostname"`
	SSHKeys    map[string]string `yaml:"ssh_keys"`
	WriteFiles []struct {
		Path, Permissions, Encoding, Content string
	} `yaml:"write_files"`
	Users []struct {
		Name string   `yaml:"name"`
		Keys []string `yaml:"ssh_authorized_keys"`
		Lock bool     `yaml:"lock_passwd"`
	} `yaml:"users"`
	DisableRoot bool       `yaml:"disable_root"`
	Passwords   bool       `yaml:"ssh_pwauth"`
	RunCmd      [][]string `yaml:"runcmd"`
}

func read(t *testing.T, data []byte) document {
	t.Helper()
	if !strings.HasPrefix(string(data), "#cloud-config\n") {
		t.Fatalf("cloud-init takes no notice of what begins with %.20q", data)
	}
	var doc document
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("reading it back: %v", err)
	}
	return doc
}

func render(t *testing.T, g bootstrap.Guest) []byte {
	t.Helper()
	data, err := bootstrap.UserData(g)
	if err != nil {
		t.Fatalf("rendering: %v", err)
	}
	return data
}

func TestUserData_golden(t *testing.T) {
	const file = "testdata/userdata.yaml"
	got := render(t, example())
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if string(render(t, example())) != string(got) {
		t.Error("the same guest gives other bytes")
	}
}

// TestUserData_readsBack: what cloud-init and the agent read is exactly what was said, and nobody logs in but by the key
// that allows the forced command.
func TestUserData_readsBack(t *testing.T) {
	g := example()
	doc := read(t, render(t, g))
	if doc.Hostname != "orders" || doc.SSHKeys["ed25519_private"] != private || doc.SSHKeys["ed25519_public"] != g.HostKeyPublic {
		t.Errorf("the identity is %q %v", doc.Hostname, doc.SSHKeys)
	}
	if len(doc.Users) != 1 || doc.Users[0].Name != guest.AgentUser || !doc.Users[0].Lock || !doc.DisableRoot || doc.Passwords {
		t.Errorf("the users are %+v, root disabled %v, passwords %v", doc.Users, doc.DisableRoot, doc.Passwords)
	}
	if keys := doc.Users[0].Keys; len(keys) != 1 || !strings.HasPrefix(keys[0], `restrict,command="`) {
		t.Errorf("the keys are %q", keys)
	}
	if len(doc.WriteFiles) != 1 || doc.WriteFiles[0].Path != "/"+guest.AgentConfigPath || doc.WriteFiles[0].Permissions != "0600" {
		t.Fatalf("the files are %+v", doc.WriteFiles)
	}
	text, err := base64.StdEncoding.DecodeString(doc.WriteFiles[0].Content)
	if err != nil {
		t.Fatal(err)
	}
	var agent guest.AgentConfig
	if err := json.Unmarshal(text, &agent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.Agent, agent); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUserData_oneSecret: all that must not be known by others is the first generation's host key.
func TestUserData_oneSecret(t *testing.T) {
	all := string(render(t, example()))
	if strings.Count(all, "PRIVATE KEY") != 2 { // its begin and end
		t.Errorf("there is more than one private key in\n%s", all)
	}
	if example().Agent.DigestKey != "" || strings.Contains(strings.ToLower(all), "password:") {
		t.Error("a secret of a later generation is in it")
	}
}

// TestUserData_hostileNames come back as they were and add no key of their own.
func TestUserData_hostileNames(t *testing.T) {
	for _, name := range []string{
		"a: b", "x\nruncmd:\n- [sh, -c, evil]", "'\"`$(id)", "# comment", "{}", "&a *a !!str", "- x", "ü\u2028y", "null", "true", "0x10", " lead ", "%",
	} {
		g := example()
		g.Name, g.Agent.Engine, g.HostKeyPublic = name, name, name
		doc := read(t, render(t, g))
		if doc.Hostname != name || doc.SSHKeys["ed25519_public"] != name {
			t.Errorf("%q came back as %q and %q", name, doc.Hostname, doc.SSHKeys["ed25519_public"])
		}
		if diff := cmp.Diff([][]string{{"systemctl", "enable", "--now", "trove-guestagent.service"}}, doc.RunCmd); diff != "" {
			t.Errorf("%q runs something else: %s", name, diff)
		}
	}
}

func TestUserData_tooLong(t *testing.T) {
	g := example()
	g.Agent.Version = strings.Repeat("x", bootstrap.MaxUserData)
	if _, err := bootstrap.UserData(g); err == nil || !strings.Contains(err.Error(), "Nova takes 65535") {
		t.Errorf("the error is %v", err)
	}
	g.Agent.Version = strings.Repeat("x", 30000)
	if n := base64.StdEncoding.EncodedLen(len(render(t, g))); n > bootstrap.MaxUserData {
		t.Errorf("%d bytes are not refused", n)
	}
}
