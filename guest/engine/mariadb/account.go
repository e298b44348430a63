package mariadb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/trovectl/trovectl/guest"
)

// account is the operating system user that the server runs as. An empty name is the agent's own.
type account struct {
	name     string
	uid, gid int
}

// give makes a path the server's own.
func (a account) give(path string, mode os.FileMode) error {
	if a.name != "" {
		if err := os.Chown(path, a.uid, a.gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// runAs decides who the server runs as. Only root can choose: Host.User, or else mysql where that user can reach its
// directories, or else root itself, because nobody but root can enter there. A Host.User that cannot is an error.
func (e *Engine) runAs() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	name := e.host.User
	if name == "" {
		name = "mysql"
	}
	found, err := user.Lookup(name)
	if err != nil && e.host.User != "" {
		return account{}, guest.Errorf(guest.KindConflict, "the operating system user %q is not there: %v", name, err)
	}
	if err != nil {
		return account{name: "root"}, nil
	}
	a := account{name: name}
	if a.uid, err = strconv.Atoi(found.Uid); err != nil {
		return account{}, internal("reading the user id of "+name, err)
	}
	if a.gid, err = strconv.Atoi(found.Gid); err != nil {
		return account{}, internal("reading the group id of "+name, err)
	}
	for _, directory := range []string{e.host.Data, e.host.Conf, e.host.Run, e.host.Log} {
		err := a.canEnter(directory)
		if err != nil && e.host.User == "" {
			return account{name: "root"}, nil
		}
		if err != nil {
			return account{}, guest.Errorf(guest.KindConflict, "the server cannot run as %s: %v", name, err)
		}
	}
	return a, nil
}

// canEnter tells whether the account can search the directory and all above it. It knows the classic mode bits only; what
// an access control list forbids shows when the server starts.
func (a account) canEnter(directory string) error {
	if a.uid == 0 {
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
		case int(owner.Uid) == a.uid:
			needed = 0o100
		case int(owner.Gid) == a.gid:
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
