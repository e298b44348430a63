package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
)

// Files of the guest that rotate replaces, relative to its root.
const (
	hostKeyPath = "etc/ssh/ssh_host_ed25519_key"
	homesPath   = "home"
)

// rotate fulfils guest.Rotate. Connections that are open stay open; new ones see the new identity.
func (a *Agent) rotate(ctx context.Context, in guest.Rotate) (guest.Rotated, error) {
	now := a.theIdentity()
	if in.Generation < now.Generation {
		return guest.Rotated{}, guest.Errorf(guest.KindConflict, "generation %d is in force, %d would go back", now.Generation, in.Generation)
	}
	if err := checkBroker(in.Broker); err != nil {
		return guest.Rotated{}, err
	}
	// A guest that is reached over a broker alone has no SSH keys.
	overSSH := in.HostKey != "" || len(in.AuthorizedKeys) > 0 || in.Broker == nil || in.Broker.URL == ""
	if overSSH {
		if err := a.rotateSSH(in); err != nil {
			return guest.Rotated{}, err
		}
	} else if _, err := digestKey(in.DigestKey); err != nil {
		return guest.Rotated{}, err
	}
	now.Generation, now.DigestKey = in.Generation, in.DigestKey
	now.takeBroker(in.Broker)
	if err := a.setIdentity(now); err != nil {
		return guest.Rotated{}, err
	}
	a.repost()
	if !overSSH {
		return guest.Rotated{Generation: in.Generation}, nil
	}
	if err := a.config.ReloadSSH(ctx); err != nil {
		a.log.Warn("reloading the SSH server", "error", err)
	}
	return guest.Rotated{Generation: in.Generation}, nil
}

// rotateSSH replaces who the guest is over SSH, and who may come in.
func (a *Agent) rotateSSH(in guest.Rotate) error {
	public, err := checkRotate(in)
	if err != nil {
		return err
	}
	if err := a.writeAuthorizedKeys(in.AuthorizedKeys); err != nil {
		return fmt.Errorf("replacing the authorized keys: %w", err)
	}
	if err := a.keepIdentity(); err != nil {
		return err
	}
	hostKey := filepath.Join(a.paths.root, hostKeyPath)
	if err := os.MkdirAll(filepath.Dir(hostKey), 0o755); err != nil {
		return fmt.Errorf("replacing the host key: %w", err)
	}
	// The public half only informs; the private one is what the server reads, so it changes last.
	if err := writeFile(hostKey+".pub", ssh.MarshalAuthorizedKey(public), 0o644); err != nil {
		return fmt.Errorf("replacing the host key: %w", err)
	}
	if err := writeFile(hostKey, []byte(in.HostKey), 0o600); err != nil {
		return fmt.Errorf("replacing the host key: %w", err)
	}
	return nil
}

// checkRotate refuses what would lock everybody out. It never quotes what it refuses: that may be a key.
func checkRotate(in guest.Rotate) (ssh.PublicKey, error) {
	if _, err := digestKey(in.DigestKey); err != nil {
		return nil, err
	}
	raw, err := ssh.ParseRawPrivateKey([]byte(in.HostKey))
	if err != nil {
		return nil, guest.Errorf(guest.KindInvalid, "the new host key is not an unencrypted OpenSSH private key")
	}
	private, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		return nil, guest.Errorf(guest.KindInvalid, "the new host key is not an ed25519 key")
	}
	if len(in.AuthorizedKeys) == 0 {
		return nil, guest.Errorf(guest.KindInvalid, "rotate without authorized keys would lock everybody out")
	}
	for i, line := range in.AuthorizedKeys {
		_, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil || len(rest) > 0 || strings.ContainsAny(line, "\r\n") {
			return nil, guest.Errorf(guest.KindInvalid, "authorized key %d is not one line of an authorized_keys file", i+1)
		}
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return nil, guest.Errorf(guest.KindInvalid, "the new host key cannot be used: %v", err)
	}
	return public, nil
}

// writeAuthorizedKeys replaces the file of the channel's account. The account owns that directory, so the agent, which
// may be root, goes through os.Root: a link planted there leads nowhere else.
func (a *Agent) writeAuthorizedKeys(lines []string) error {
	homes := filepath.Join(a.paths.root, homesPath)
	if err := os.MkdirAll(filepath.Join(homes, guest.AgentUser), 0o755); err != nil {
		return err
	}
	home, err := os.OpenRoot(filepath.Join(homes, guest.AgentUser))
	if err != nil {
		return err
	}
	defer func() { _ = home.Close() }() // only a handle
	owner, err := ownerOf(home)
	if err != nil {
		return err
	}
	const dir, mode = ".ssh", 0o600
	file, temp := path.Join(dir, "authorized_keys"), path.Join(dir, "authorized_keys.new")
	if err := home.Mkdir(dir, 0o700); err == nil {
		err = owner.take(home, dir)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := home.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := strings.Join(lines, "\n") + "\n"
	if err := home.WriteFile(temp, []byte(text), mode); err != nil {
		return err
	}
	if err := owner.take(home, temp); err != nil {
		return err
	}
	return home.Rename(temp, file)
}

// An owner is a user and a group by number.
type owner struct{ uid, gid int }

func ownerOf(dir *os.Root) (owner, error) {
	var stat unix.Stat_t
	if err := unix.Stat(dir.Name(), &stat); err != nil {
		return owner{}, fmt.Errorf("asking for the owner of %s: %w", dir.Name(), err)
	}
	return owner{int(stat.Uid), int(stat.Gid)}, nil
}

// take gives a file to the owner, which only root can do.
func (o owner) take(dir *os.Root, name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return dir.Lchown(name, o.uid, o.gid)
}
