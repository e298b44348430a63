// Package bootstrap writes the user-data that a guest is born with: its first identity, and where its agent serves.
package bootstrap

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/guest"
)

// MaxUserData is what Nova takes, base64-encoded, in bytes.
const MaxUserData = 65535

// Guest is what one guest is born with.
type Guest struct {
	Name           string // host name
	HostKeyPrivate string // OpenSSH PEM, the first generation: replaced at first contact
	HostKeyPublic  string // one line
	AuthorizedKey  string // a whole line with its options
	Agent          guest.AgentConfig
}

// cloudConfig is the part of cloud-init's format that a guest needs (cloud-init documentation, "Module reference").
type cloudConfig struct {
	Hostname    string            `yaml:"hostname"`
	SSHDelete   bool              `yaml:"ssh_deletekeys"`
	SSHKeys     map[string]string `yaml:"ssh_keys"`
	DisableRoot bool              `yaml:"disable_root"`
	SSHPassword bool              `yaml:"ssh_pwauth"`
	Users       []user            `yaml:"users"`
	WriteFiles  []file            `yaml:"write_files"`
	RunCmd      [][]string        `yaml:"runcmd"`
}

type user struct {
	Name           string   `yaml:"name"`
	Gecos          string   `yaml:"gecos"`
	System         bool     `yaml:"system"`
	Shell          string   `yaml:"shell"`
	HomeDir        string   `yaml:"homedir"`
	LockPassword   bool     `yaml:"lock_passwd"`
	AuthorizedKeys []string `yaml:"ssh_authorized_keys"`
}

type file struct {
	Path        string `yaml:"path"`
	Permissions string `yaml:"permissions"`
	Encoding    string `yaml:"encoding"`
	Content     string `yaml:"content"`
}

// UserData renders the cloud-config of a guest. The same guest gives the same bytes.
func UserData(g Guest) ([]byte, error) {
	agent, err := json.Marshal(g.Agent)
	if err != nil {
		return nil, fmt.Errorf("encoding the agent's configuration: %w", err)
	}
	config := cloudConfig{
		Hostname:  g.Name,
		SSHDelete: true,
		SSHKeys:   map[string]string{"ed25519_private": g.HostKeyPrivate, "ed25519_public": g.HostKeyPublic},
		// Nobody logs in with a password, and root not at all: the one way in is the forced command.
		DisableRoot: true,
		Users: []user{{
			Name: guest.AgentUser, Gecos: "trovectl agent channel", System: true, Shell: "/bin/sh", HomeDir: "/home/" + guest.AgentUser,
			LockPassword: true, AuthorizedKeys: []string{g.AuthorizedKey},
		}},
		WriteFiles: []file{{
			Path: "/" + guest.AgentConfigPath, Permissions: "0600", Encoding: "b64", Content: base64.StdEncoding.EncodeToString(agent),
		}},
		RunCmd: [][]string{{"systemctl", "enable", "--now", "trove-guestagent.service"}},
	}
	var out bytes.Buffer
	out.WriteString("#cloud-config\n")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(config); err != nil {
		return nil, fmt.Errorf("encoding the user-data: %w", err)
	}
	if n := base64.StdEncoding.EncodedLen(out.Len()); n > MaxUserData {
		return nil, fmt.Errorf("the user-data of %s has %d bytes encoded, Nova takes %d", g.Name, n, MaxUserData)
	}
	return out.Bytes(), nil
}

// AuthorizedKeyLine is an authorized_keys line that allows nothing but the agent's channel.
func AuthorizedKeyLine(publicKey string) string {
	return `restrict,command="/usr/bin/trove-guestagent rpc" ` + publicKey
}
