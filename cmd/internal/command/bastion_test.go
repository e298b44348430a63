package command

import (
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cryptossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/trovectl/trovectl/config"
)

const bastionHostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1tK9sN4rCh7vhq6sTjPxQKZ7M3B8hSPlLRkcFfKcT"

// privateKey is a key made of one byte, in PEM; with a passphrase where one is given.
func privateKey(t *testing.T, seed byte, passphrase string) (ed25519.PrivateKey, []byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(seed), ed25519.SeedSize)))
	block, err := cryptossh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = cryptossh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(block)
}

func public(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	signer, err := cryptossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cryptossh.FingerprintSHA256(signer.PublicKey())
}

// startAgent serves keys on a unix socket as ssh-agent does.
func startAgent(t *testing.T, keys ...ed25519.PrivateKey) (socket string) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent-") // the path of a unix socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	return listener.Addr().String()
}

func TestKeysForTheBastion(t *testing.T) {
	dir := t.TempDir()
	fromFile, fileText := privateKey(t, 1, "")
	fromEnv, envText := privateKey(t, 2, "")
	fromAgent, _ := privateKey(t, 3, "")
	_, lockedText := privateKey(t, 4, "a word")
	for name, data := range map[string][]byte{"key": fileText, "locked": lockedText, "text": []byte("no key")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := startAgent(t, fromAgent)
	for name, test := range map[string]struct {
		file string
		env  env
		want string // the key's fingerprint, or a part of the error
	}{
		"the variable wins":       {"key", env{"TROVE_SSH_KEY": string(envText), "SSH_AUTH_SOCK": socket}, public(t, fromEnv)},
		"the file beside the HCL": {"key", env{"SSH_AUTH_SOCK": socket}, public(t, fromFile)},
		"the agent":               {"", env{"SSH_AUTH_SOCK": socket}, public(t, fromAgent)},
		"an empty agent":          {"", env{"SSH_AUTH_SOCK": startAgent(t)}, "holds no key"},
		"no agent there":          {"", env{"SSH_AUTH_SOCK": filepath.Join(dir, "none")}, "reaching the ssh agent"},
		"nothing at all":          {"", env{}, "the bastion needs a key"},
		"no such file":            {"none", env{}, "reading private_key_file"},
		"a passphrase":            {"locked", env{}, "has a passphrase: add it to an ssh agent"},
		"no key":                  {"text", env{}, "the key for the bastion (text) cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeta(Streams{}, test.env, dir)
			defer m.close()
			bastion, err := m.newBastion(&config.SSH{PrivateKeyFile: test.file, Bastion: &config.Bastion{Host: "b", Port: 22, HostKey: bastionHostKey}})
			var signers []cryptossh.Signer
			if err == nil {
				signers, err = bastion.Signers()
			}
			switch {
			case err != nil && !strings.Contains(err.Error(), test.want):
				t.Errorf("error is %q, which lacks %q", err, test.want)
			case err == nil && (len(signers) != 1 || cryptossh.FingerprintSHA256(signers[0].PublicKey()) != test.want):
				t.Errorf("the keys are %v, want %s", signers, test.want)
			case err == nil && (bastion.Address != "b:22" || bastion.User == ""):
				t.Errorf("the bastion is %s, for the user %q", bastion.Address, bastion.User)
			}
		})
	}
}

func TestHostKeyOfTheBastion(t *testing.T) {
	m := newMeta(Streams{}, env{}, t.TempDir())
	_, err := m.newBastion(&config.SSH{Bastion: &config.Bastion{Host: "b.example.org", Port: 22, HostKey: "ssh-ed25519 nothing"}})
	if err == nil || !strings.Contains(err.Error(), "ssh-keyscan b.example.org") {
		t.Errorf("error is %v", err)
	}
}
