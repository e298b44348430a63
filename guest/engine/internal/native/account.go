package native

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Account is the operating system user that the server runs as. An empty name is the agent's own.
type Account struct {
	Name     string
	UID, GID uint32
	passes   bool // its directories are behind others that it cannot enter
}

// Become has a process that is to be started be of this account. An account without a name changes nothing.
func (a Account) Become(attributes *syscall.SysProcAttr) {
	if a.Name == "" {
		return
	}
	attributes.Credential = &syscall.Credential{Uid: a.UID, Gid: a.GID}
	if a.passes {
		attributes.AmbientCaps = []uintptr{unix.CAP_DAC_READ_SEARCH}
	}
}

// Give makes a path the server's own.
func (a Account) Give(path string, mode os.FileMode) error {
	if a.Name != "" {
		if err := os.Chown(path, int(a.UID), int(a.GID)); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// RunAs decides who a server runs as. Only root can choose: the host's user, or else the package's own where that one can
// reach the directories, or else root itself, because nobody but root can enter there. A host's user that cannot is an error.
func RunAs(host engine.Host, own string) (Account, error) {
	if os.Geteuid() != 0 {
		return Account{}, nil
	}
	a, err := lookup(cmp.Or(host.User, own))
	if err != nil && host.User != "" {
		return Account{}, err
	}
	if err != nil {
		return Account{Name: "root"}, nil
	}
	if err := a.canEnterAll(host); err != nil {
		if host.User == "" {
			return Account{Name: "root"}, nil
		}
		return Account{}, guest.Errorf(guest.KindConflict, "the server cannot run as %s: %v", a.Name, err)
	}
	return a, nil
}

// RunAsOrdinary is RunAs for a server that refuses to be root's: where its user cannot pass through the directories above
// its own, its process may.
func RunAsOrdinary(host engine.Host, own string) (Account, error) {
	if os.Geteuid() != 0 {
		return Account{}, nil
	}
	a, err := lookup(cmp.Or(host.User, own))
	if err != nil {
		return Account{}, err
	}
	a.passes = a.canEnterAll(host) != nil
	return a, nil
}

func lookup(name string) (Account, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return Account{}, guest.Errorf(guest.KindConflict, "the operating system user %q is not there: %v", name, err)
	}
	a := Account{Name: name}
	for id, text := range map[*uint32]string{&a.UID: found.Uid, &a.GID: found.Gid} {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return Account{}, guest.Errorf(guest.KindInternal, "reading the ids of %s: %v", name, err)
		}
		*id = uint32(n)
	}
	return a, nil
}

func (a Account) canEnterAll(host engine.Host) error {
	for _, directory := range []string{host.Data, host.Conf, host.Run, host.Log} {
		if err := a.canEnter(directory); err != nil {
			return err
		}
	}
	return nil
}

// canEnter tells whether the account can search the directory and all above it. It knows the classic mode bits only; what
// an access control list forbids shows when the server starts.
func (a Account) canEnter(directory string) error {
	if a.UID == 0 {
		return nil
	}
	resolved, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return err
	}
	for path := resolved; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("the system does not tell the owner of " + path)
		}
		needed := fs.FileMode(0o001)
		switch {
		case owner.Uid == a.UID:
			needed = 0o100
		case owner.Gid == a.GID:
			needed = 0o010
		}
		if info.Mode().Perm()&needed == 0 {
			return fmt.Errorf("it cannot enter %s (mode %04o)", path, info.Mode().Perm())
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}
