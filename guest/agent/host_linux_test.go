package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
)

// newImage makes a file that the real tools take for a device of 64 MiB.
func newImage(t *testing.T) blockDisk {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	dir := t.TempDir()
	b := blockDisk{volumeID: "v", device: filepath.Join(dir, "disk.img"), fstab: filepath.Join(dir, "fstab"), run: runCommand}
	if err := errors.Join(os.WriteFile(b.device, nil, 0o600), os.Truncate(b.device, 64<<20)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b blockDisk) mustRun(t *testing.T, argv ...string) {
	t.Helper()
	if _, err := b.must(t.Context(), argv...); err != nil {
		t.Fatal(err)
	}
}

func TestABlankDeviceIsFormattedAndKnownAgain(t *testing.T) {
	b := newImage(t)
	if err := os.Truncate(b.device, 512<<20); err != nil { // XFS takes no less than 300 MB
		t.Fatal(err)
	}
	signature, err := b.probe(t.Context())
	if err != nil || len(signature) != 0 {
		t.Fatalf("a blank device holds %v, %v", signature, err)
	}
	if err := b.format(t.Context()); err != nil {
		t.Fatal(err)
	}
	signature, err = b.probe(t.Context())
	if err != nil || signature["LABEL"] != volumeLabel || signature["TYPE"] == "" {
		t.Errorf("after formatting it holds %v, %v", signature, err)
	}
}

// TestAForeignDeviceIsLeftAlone compares every byte before and after.
func TestAForeignDeviceIsLeftAlone(t *testing.T) {
	for name, fill := range map[string]func(*testing.T, blockDisk){
		"another label": func(t *testing.T, b blockDisk) { b.mustRun(t, "mkfs.ext4", "-q", "-L", "photos", b.device) },
		"no label":      func(t *testing.T, b blockDisk) { b.mustRun(t, "mkfs.ext4", "-q", b.device) },
		"swap":          func(t *testing.T, b blockDisk) { b.mustRun(t, "mkswap", "-L", volumeLabel, b.device) },
		"a partition table": func(t *testing.T, b blockDisk) {
			sector := make([]byte, 512)
			sector[446+4], sector[446+8], sector[446+13] = 0x83, 1, 1 // one Linux partition
			sector[510], sector[511] = 0x55, 0xaa
			file, err := os.OpenFile(b.device, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = file.Write(sector)
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newImage(t)
			fill(t, b)
			before, err := os.ReadFile(b.device)
			if err != nil {
				t.Fatal(err)
			}
			err = b.mount(t.Context(), filepath.Join(t.TempDir(), "data"))
			var refused *guest.Error
			if !errors.As(err, &refused) || refused.Kind != guest.KindConflict || !strings.Contains(refused.Message, "left alone") {
				t.Errorf("mounting it: %v", err)
			}
			after, err := os.ReadFile(b.device)
			if err != nil || string(after) != string(before) {
				t.Errorf("it was written to: %v", err)
			}
		})
	}
}

// TestWhatCannotBeReadIsNotBlank has the tool say "nothing found" about devices that are not there or too small.
func TestWhatCannotBeReadIsNotBlank(t *testing.T) {
	b := newImage(t)
	if err := os.Truncate(b.device, 1000); err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{b.device, b.device + ".gone"} {
		b.device = device
		b.run = func(_ context.Context, argv ...string) ([]byte, int, error) {
			if argv[0] != "blkid" {
				t.Errorf("it ran %v", argv)
			}
			return nil, 2, errors.New("exit status 2")
		}
		if err := b.mount(t.Context(), filepath.Join(t.TempDir(), "data")); err == nil {
			t.Errorf("%s was taken for blank", device)
		}
	}
}

func TestFstabGetsOneLine(t *testing.T) {
	b := newImage(t)
	if err := os.WriteFile(b.fstab, []byte("LABEL=root / ext4 defaults 0 1"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.remember("/var/lib/trove-guestagent/data"); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(b.fstab)
	if err != nil {
		t.Fatal(err)
	}
	want := "LABEL=root / ext4 defaults 0 1\n" +
		"LABEL=trove-data /var/lib/trove-guestagent/data auto noatime,nofail,x-systemd.device-timeout=30 0 2\n"
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestMountedAt(t *testing.T) {
	if device, err := mountedAt("/proc"); err != nil || device != "proc" {
		t.Errorf("at /proc: %q, %v", device, err)
	}
	if device, err := mountedAt(t.TempDir()); err != nil || device != "" {
		t.Errorf("at no mount point: %q, %v", device, err)
	}
}

// TestRescan: a disk that needs no rescan has no file for it, in a file system that lets nobody make one.
func TestRescan(t *testing.T) {
	if err := rescan("/sys/class/block/no-disk-has-this-file"); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "rescan")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), rescan(file)); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "1" {
		t.Errorf("the kernel reads %q, %v", text, err)
	}
}
