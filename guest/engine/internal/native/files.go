package native

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// MaxSocketPath is the longest path of a unix socket, in bytes (sun_path less its end).
const MaxSocketPath = 107

// Dial reaches a socket whose path is too long for the kernel through its directory's descriptor.
func Dial(ctx context.Context, network, path string) (net.Conn, error) {
	var d net.Dialer
	if len(path) <= MaxSocketPath {
		return d.DialContext(ctx, network, path)
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the directory of the socket: %w", err)
	}
	defer func() { _ = directory.Close() }()
	return d.DialContext(ctx, network, fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), filepath.Base(path)))
}

// WriteFile replaces a file as a whole: after a crash it holds the old content or the new one.
func WriteFile(path string, content []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("making a file beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Chmod(mode); err != nil {
		return fmt.Errorf("setting the mode of %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("putting %s in its place: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}
