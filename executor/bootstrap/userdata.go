// Package bootstrap writes the user-data that a guest is born with: its first identity, and where its agent serves.
package bootstrap

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/unit"
)

// MaxUserData is what Nova takes, base64-encoded, in bytes.
const MaxUserData = 65535

// Guest is what one guest is born with.
type Guest struct {
	Name           string // host name
	HostKeyPrivate string // OpenSSH PEM, the first generation: replaced at first contact; empty: it is not reached over SSH
	HostKeyPublic  string // one line
	AuthorizedKey  string // a whole line with its options
	Agent          guest.AgentConfig
	// Packages are installed at the first boot, for an image that has neither the engine nor the agent. Empty: it has both.
	Packages []string
	// AgentSHA256 is the digest, in hex, of the agent that is delivered over the channel then.
	AgentSHA256 string
}

// cloudConfig is the part of cloud-init's format that a guest needs (cloud-init documentation, "Module reference").
type cloudConfig struct {
	Hostname    string            `yaml:"hostname"`
	SSHDelete   bool              `yaml:"ssh_deletekeys"`
	SSHKeys     map[string]string `yaml:"ssh_keys,omitempty"`
	DisableRoot bool              `yaml:"disable_root"`
	SSHPassword bool              `yaml:"ssh_pwauth"`
	Users       []user            `yaml:"users"`
	UpdateLists bool              `yaml:"package_update,omitempty"`
	Packages    []string          `yaml:"packages,omitempty"`
	WriteFiles  []file            `yaml:"write_files"`
	RunCmd      [][]string        `yaml:"runcmd"`
}

type user struct {
	Name           string   `yaml:"name"`
	Gecos          string   `yaml:"gecos"`
	Shell          string   `yaml:"shell"`
	HomeDir        string   `yaml:"homedir"`
	LockPassword   bool     `yaml:"lock_passwd"`
	AuthorizedKeys []string `yaml:"ssh_authorized_keys,omitempty"`
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
		// Nobody logs in with a password, and root not at all: the one way in is the forced command.
		DisableRoot: true,
		Users: []user{{
			// No system user: to one of those cloud-init gives neither keys nor a home.
			Name: guest.AgentUser, Gecos: "trovectl agent channel", Shell: "/bin/sh", HomeDir: "/home/" + guest.AgentUser,
			LockPassword: true,
		}},
		UpdateLists: len(g.Packages) > 0,
		Packages:    g.Packages,
		WriteFiles:  []file{encoded("/"+guest.AgentConfigPath, "0600", agent)},
		// Commands run after the packages are there.
		RunCmd: [][]string{{"systemctl", "enable", "--now", unit.Name}},
	}
	if g.HostKeyPrivate != "" {
		config.SSHKeys = map[string]string{"ed25519_private": g.HostKeyPrivate, "ed25519_public": g.HostKeyPublic}
		config.Users[0].AuthorizedKeys = []string{g.AuthorizedKey}
	}
	if len(g.Packages) > 0 {
		config.WriteFiles = append(config.WriteFiles,
			encoded(unit.Path, "0644", []byte(unit.Service)), encoded("/"+guest.AgentPath, "0755", []byte(standIn(g.AgentSHA256))))
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

func encoded(path, mode string, content []byte) file {
	return file{Path: path, Permissions: mode, Encoding: "b64", Content: base64.StdEncoding.EncodeToString(content)}
}

//go:embed placeholder.sh
var placeholder string

// standIn is the script that stands in the agent's place until the agent with this digest comes.
func standIn(sha256 string) string {
	return strings.NewReplacer("@USER@", guest.AgentUser, "@SHA256@", sha256).Replace(placeholder)
}

// AuthorizedKeyLine is an authorized_keys line that allows nothing but the agent's channel.
func AuthorizedKeyLine(publicKey string) string {
	return `restrict,command="/` + guest.AgentPath + ` rpc" ` + publicKey
}
