package enginetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Directory makes a directory that goes with the test. A server that runs as a user of its own cannot enter those that
// testing makes.
func Directory(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "engine-*")
	ok(t, err)
	t.Cleanup(func() { ok(t, os.RemoveAll(root)) })
	ok(t, os.Chmod(root, 0o755))
	return root
}

// NewHost makes the directories of a host, and finds a port for it.
func NewHost(t *testing.T, ramMiB int) engine.Host {
	t.Helper()
	return HostIn(t, Directory(t), ramMiB)
}

// HostIn is NewHost below a directory.
func HostIn(t *testing.T, root string, ramMiB int) engine.Host {
	t.Helper()
	h := engine.Host{
		Data: filepath.Join(root, "data"), Conf: filepath.Join(root, "conf"), Run: filepath.Join(root, "run"), Log: filepath.Join(root, "log"),
		Address: "127.0.0.1", Port: freePorts(t), RAMMiB: ramMiB,
	}
	for _, directory := range []string{h.Data, h.Conf, h.Run, h.Log} {
		ok(t, os.MkdirAll(directory, 0o755))
	}
	return h
}

// freePorts finds a free port with a free one after it, where an engine may offer TLS. They are none that the kernel gives
// to clients: a server that is started again would find its port taken by one.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		first, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		ok(t, first.Close())
		if err == nil {
			ok(t, second.Close())
			return port
		}
	}
	t.Fatal("there are no two free ports side by side")
	return 0
}

// OwnerOf names the operating system user that a process runs as.
func OwnerOf(t *testing.T, pid int) string {
	t.Helper()
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	ok(t, err)
	owner, err := user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
	ok(t, err)
	return owner.Username
}

// ForeignDataIsLeftAlone checks that an engine refuses a host on which one of these files is, by paths below its data, and
// does not touch it.
func ForeignDataIsLeftAlone(t *testing.T, open func(t *testing.T, h engine.Host) engine.Engine, files ...string) {
	t.Helper()
	for _, file := range files {
		h := NewHost(t, 0)
		path := filepath.Join(h.Data, file)
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		ok(t, os.WriteFile(path, []byte("precious"), 0o644))
		refused(t, open(t, h).Prepare(within(t), nil), guest.KindConflict)
		if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
			t.Errorf("%s was touched: %q %v", file, text, err)
		}
	}
}
