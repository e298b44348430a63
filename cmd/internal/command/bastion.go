package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"

	cryptossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/guest/transport/ssh"
)

// newBastion is the machine on the way to the guests, and the caller's own keys for it: those for the guests are derived.
func (m *Meta) newBastion(settings *config.SSH) (*ssh.Bastion, error) {
	bastion := settings.Bastion
	hostKey, _, _, _, err := cryptossh.ParseAuthorizedKey([]byte(bastion.HostKey))
	if err != nil {
		return nil, fmt.Errorf("the bastion's host_key is not a public key (want \"ssh-ed25519 AAAA...\", as `ssh-keyscan %s` prints it without the name): %w", bastion.Host, err)
	}
	signers, err := m.callersKeys(settings.PrivateKeyFile)
	if err != nil {
		return nil, err
	}
	login := bastion.User
	if login == "" {
		caller, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("finding out who logs in to the bastion (set user in its block): %w", err)
		}
		login = caller.Username
	}
	address := net.JoinHostPort(bastion.Host, strconv.Itoa(bastion.Port))
	return &ssh.Bastion{Address: address, User: login, HostKey: hostKey, Signers: signers}, nil
}

// callersKeys are TROVE_SSH_KEY, or the file that the transport block names, or what the caller's ssh agent holds.
func (m *Meta) callersKeys(file string) (func() ([]cryptossh.Signer, error), error) {
	text, from := []byte(m.env["TROVE_SSH_KEY"]), "TROVE_SSH_KEY"
	switch socket := m.env["SSH_AUTH_SOCK"]; {
	case len(text) > 0:
	case file != "":
		var err error
		if text, err = os.ReadFile(m.path(file)); err != nil {
			return nil, fmt.Errorf("reading private_key_file: %w", err)
		}
		from = file
	case socket != "":
		return m.agentsKeys(socket)
	default:
		return nil, errors.New("the bastion needs a key: set private_key_file in the transport block, or TROVE_SSH_KEY, or run an ssh agent (SSH_AUTH_SOCK)")
	}
	signer, err := cryptossh.ParsePrivateKey(text)
	var locked *cryptossh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("the key for the bastion (%s) has a passphrase: add it to an ssh agent and leave private_key_file out", from)
	}
	if err != nil {
		return nil, fmt.Errorf("the key for the bastion (%s) cannot be read: %w", from, err)
	}
	return func() ([]cryptossh.Signer, error) { return []cryptossh.Signer{signer}, nil }, nil
}

// agentsKeys asks the ssh agent, which keeps the keys to itself, whenever they are needed.
func (m *Meta) agentsKeys(socket string) (func() ([]cryptossh.Signer, error), error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("reaching the ssh agent that SSH_AUTH_SOCK names, for the bastion: %w", err)
	}
	m.atEnd(conn.Close)
	keys := agent.NewClient(conn)
	return func() ([]cryptossh.Signer, error) {
		signers, err := keys.Signers()
		switch {
		case err != nil:
			return nil, fmt.Errorf("asking the ssh agent: %w", err)
		case len(signers) == 0:
			return nil, errors.New("the ssh agent holds no key: `ssh-add` adds one")
		}
		return signers, nil
	}, nil
}
