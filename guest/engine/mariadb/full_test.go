package mariadb

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

const smallDisk = "TEST_SMALL_DISK"

// TestFullDisk runs TestOnASmallDisk in a mount namespace of its own, where only root can make a disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can mount a small disk")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestOnASmallDisk$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOnASmallDisk") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOnASmallDisk fills the disk that holds the settings: what cannot be written is not done, and is done when there is
// room again.
func TestOnASmallDisk(t *testing.T) {
	if os.Getenv(smallDisk) == "" {
		return
	}
	h := enginetest.NewHost(t, 256)
	must(t, syscall.Mount("tmpfs", h.Conf, "tmpfs", 0, "size=256k,mode=755"))
	t.Cleanup(func() { must(t, syscall.Unmount(h.Conf, syscall.MNT_DETACH)) })
	ctx, e, s := start(t, h)
	s.Close()
	if _, err := e.Configure(ctx, engine.Settings{"max_connections": "99"}); err != nil {
		t.Fatal(err)
	}
	before, err := e.ReadSettings(ctx, nil)
	must(t, err)
	filler := filepath.Join(h.Conf, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	values := engine.Settings{"max_connections": "111", "init_connect": "SET @a='" + strings.Repeat("x", 3000) + "'"}
	for _, attempt := range []func() error{
		func() error { _, err := e.Configure(ctx, values); return err },
		func() error { return e.PutLogs(ctx, []string{"slow"}) },
	} {
		if err := attempt(); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("on a full disk: %v", err)
		}
	}
	after, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("settings (-before +after):\n%s", diff)
	}
	must(t, os.Remove(filler))
	if _, err := e.Configure(ctx, values); err != nil {
		t.Error(err)
	}
	must(t, e.PutLogs(ctx, []string{"slow"}))
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	after, err = e.ReadSettings(ctx, nil)
	must(t, err)
	if after["max_connections"].Running != "111" {
		t.Errorf("settings are %+v", after)
	}
}
