package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
)

// maxSocketPath is what fits into a unix socket's address on Linux (unix(7): 108 bytes with the closing zero).
const maxSocketPath = 107

// holdAlone makes sure that one agent serves the directory. The lock ends with the process, however that ends.
func holdAlone(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "agent.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the agent's lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another agent serves %s: %w", dir, err), file.Close())
	}
	return file, nil
}

// listen opens a socket in the directory, in the place of one that an earlier life left. Root and the channel's account
// may connect, nobody else, from its first moment on: it is made in a private directory and moved from there.
func listen(dir, name string) (net.Listener, error) {
	private, path := filepath.Join(dir, ".new"), filepath.Join(dir, name)
	if err := os.RemoveAll(private); err != nil {
		return nil, fmt.Errorf("removing a stale socket: %w", err)
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for the socket: %w", err)
	}
	var listener *net.UnixListener
	err := withShortPath(private, name, func(short string) (err error) {
		listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false) // it is elsewhere by then; the next life replaces it
	made := filepath.Join(private, name)
	if err := errors.Join(openToChannel(made), os.Rename(made, path), os.Remove(private)); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, errors.Join(err, listener.Close()))
	}
	return listener, nil
}

// openToChannel lets the account that SSH logs in to connect, where there is one.
func openToChannel(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup(guest.AgentUser)
	if err != nil {
		return nil // an emulated machine, whose forced commands run as the agent's own user
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return fmt.Errorf("reading the group id of %s: %w", guest.AgentUser, err)
	}
	if err := errors.Join(os.Chown(path, 0, gid), os.Chmod(path, 0o660)); err != nil {
		return fmt.Errorf("opening the socket to %s: %w", guest.AgentUser, err)
	}
	return nil
}

// dialSocket connects to a socket of the agent below root.
func dialSocket(ctx context.Context, root, name string) (*net.UnixConn, error) {
	var conn net.Conn
	err := withShortPath(newPaths(root).sockets, name, func(short string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", short)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// withShortPath calls with a path of the socket that fits into an address: through a handle of its directory where the
// path itself is too long.
func withShortPath(dir, name string, use func(path string) error) error {
	path := filepath.Join(dir, name)
	if len(path) <= maxSocketPath {
		return use(path)
	}
	handle, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(handle) }() // only a handle
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", handle, name))
}
