package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
)

func TestPrepareClaimsABlankVolume(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.disk, "disk/lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := w.client(w.open())
	w.prepare(c)
	w.prepare(c) // repeating it verifies and starts
	if _, err := os.Stat(filepath.Join(w.disk, "disk/db/tiny.json")); err != nil {
		t.Errorf("the data is not on the volume: %v", err)
	}
	_, err := c.Prepare(t.Context(), w.id(), guest.Prepare{VolumeID: "another"})
	wantKind(t, err, guest.KindConflict, volumeID, "another")
}

func TestPrepareRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*world)
		ask    guest.Prepare
		kind   guest.ErrorKind
		word   string
	}{
		"a volume of another member": {
			before: func(w *world) {
				w.write(filepath.Join(w.disk, "disk/.trove/volume.json"), `{"member":"m-2","engine":"tiny"}`)
			},
			ask: guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "belongs to member m-2",
		},
		"a volume of another engine": {
			before: func(w *world) {
				w.write(filepath.Join(w.disk, "disk/.trove/volume.json"), `{"member":"m-1","engine":"redis"}`)
			},
			ask: guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "redis",
		},
		"a volume with a damaged marker": {
			before: func(w *world) { w.write(filepath.Join(w.disk, "disk/.trove/volume.json"), `{"mem`) },
			ask:    guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "damaged",
		},
		"a volume with somebody's files": {
			before: func(w *world) { w.write(filepath.Join(w.disk, "disk/photos/me.jpg"), "x") },
			ask:    guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "photos",
		},
		"a volume that is not attached": {
			before: func(w *world) {
				if err := os.Remove(w.path("dev/disk/by-id", "virtio-"+volumeID[:20])); err != nil {
					w.t.Fatal(err)
				}
			},
			ask: guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "not attached",
		},
		"to put data beside the volume": {ask: guest.Prepare{}, kind: guest.KindInvalid, word: volumeID},
		"data in the way": {
			before: func(w *world) { w.write(w.path("var/lib/trove-guestagent/data/old"), "x") },
			ask:    guest.Prepare{VolumeID: volumeID}, kind: guest.KindConflict, word: "in the way",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.before != nil {
				test.before(w)
			}
			c := w.client(w.open())
			_, err := c.Prepare(t.Context(), w.id(), test.ask)
			wantKind(t, err, test.kind, test.word)
			if pong, err := c.Ping(t.Context()); err != nil || pong.Prepared {
				t.Errorf("after the refusal: %+v, %v", pong, err)
			}
			if _, err := os.Stat(filepath.Join(w.disk, "disk/db")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the volume was written to: %v", err)
			}
		})
	}
}

func TestAVolumeOutlivesItsServer(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	if _, err := c.PutDatabase(t.Context(), "put", guest.PutDatabase{Database: guest.Database{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// The server is rebuilt: its own disk is new, the member and its volume are the same.
	for _, dir := range []string{"var", "run"} {
		if err := os.RemoveAll(w.path(dir)); err != nil {
			t.Fatal(err)
		}
	}
	c = w.client(w.open())
	w.prepare(c)
	if _, err := c.PutDatabase(t.Context(), "put", guest.PutDatabase{Database: guest.Database{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	if n := w.engine.Load().runs.Load(); n != 0 {
		t.Errorf("an outcome that is on the volume was forgotten: %d effects", n)
	}
	seen, err := c.Inspect(t.Context(), guest.Inspect{})
	if err != nil || len(seen.Databases) != 1 {
		t.Errorf("inspection: %+v, %v", seen, err)
	}
}

func TestDataOnTheServersOwnDisk(t *testing.T) {
	w := newWorld(t)
	w.born(guest.AgentConfig{Member: "m-1", Engine: "tiny", Generation: 1})
	c := w.client(w.open())
	if _, err := c.Prepare(t.Context(), w.id(), guest.Prepare{}); err != nil {
		t.Fatal(err)
	}
	seen, err := c.Inspect(t.Context(), guest.Inspect{})
	if err != nil || seen.Volume != nil {
		t.Errorf("volume %+v, %v", seen.Volume, err)
	}
	_, err = c.ResizeVolume(t.Context(), w.id(), guest.ResizeVolume{SizeGiB: 1})
	wantKind(t, err, guest.KindUnsupported)
	// Without a digest key a verifier has no digest, and no other way out.
	_, err = c.PutUser(t.Context(), w.id(), guest.PutUser{Name: "a", Host: "%", Verifier: "*X"})
	wantKind(t, err, guest.KindConflict, "no digest key")
}

func TestResizeVolume(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open())
	w.prepare(c)
	_, err := c.ResizeVolume(t.Context(), w.id(), guest.ResizeVolume{SizeGiB: 5})
	wantKind(t, err, guest.KindConflict, "3 GiB", "5")
	w.write(filepath.Join(w.disk, "size"), "5")
	got, err := c.ResizeVolume(t.Context(), w.id(), guest.ResizeVolume{SizeGiB: 5})
	if err != nil || got.SizeGiB != 5 {
		t.Errorf("resized to %+v, %v", got, err)
	}
	if seen, err := c.Inspect(t.Context(), guest.Inspect{}); err != nil || seen.Volume.SizeGiB != 5 {
		t.Errorf("volume %+v, %v", seen.Volume, err)
	}
}

func TestAnUnknownEngine(t *testing.T) {
	w := newWorld(t)
	w.born(guest.AgentConfig{Member: "m-1", Engine: "oracle", VolumeID: volumeID, Generation: 1})
	_, err := w.client(w.open()).Prepare(t.Context(), w.id(), guest.Prepare{VolumeID: volumeID})
	wantKind(t, err, guest.KindUnsupported, "oracle")
}

// TestAVolumeIsFoundByItsID, whatever the bus calls it, whether udev runs or not.
func TestAVolumeIsFoundByItsID(t *testing.T) {
	byID := "dev/disk/by-id/"
	for name, files := range map[string]struct{ device, serialFile, serial string }{
		"virtio":             {device: byID + "virtio-" + volumeID[:20]},
		"scsi":               {device: byID + "scsi-0QEMU_QEMU_HARDDISK_" + volumeID[:20]},
		"scsi, all of it":    {device: byID + "scsi-SQEMU_QEMU_HARDDISK_" + volumeID},
		"sata":               {device: byID + "ata-QEMU_HARDDISK_" + volumeID[:20]},
		"virtio, no udev":    {"dev/vdq", "sys/block/vdq/serial", volumeID[:20] + "\n"},
		"scsi, no udev":      {"dev/sdq", "sys/block/sdq/device/vpd_pg80", "\x00\x80\x00\x14" + volumeID[:20]},
		"nvme, without udev": {"dev/nvme0n1", "sys/block/nvme0n1/device/serial", volumeID[:20] + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			udev := w.path(byID, "virtio-"+volumeID[:20])
			stranger, part := w.path(byID, "virtio-11111111-aaaa-4bbb-8"), w.path(byID, "a-"+volumeID[:20]+"-part1")
			if err := errors.Join(os.Remove(udev), os.Symlink("/nowhere", stranger), os.Symlink("/nowhere", part),
				os.Symlink(w.disk, w.path(files.device))); err != nil {
				t.Fatal(err)
			}
			if files.serialFile != "" {
				w.write(w.path(files.serialFile), files.serial)
				w.write(w.path("sys/block/vda/serial"), "another\n")
			}
			w.prepare(w.client(w.open()))
			if _, err := os.Stat(filepath.Join(w.disk, "disk/db/tiny.json")); err != nil {
				t.Errorf("the data is not on the volume: %v", err)
			}
		})
	}
}

// TestAVolumeThatComesLate is waited for.
func TestAVolumeThatComesLate(t *testing.T) {
	w := newWorld(t)
	w.config.VolumeWait = time.Minute
	link := w.path("dev/disk/by-id", "virtio-"+volumeID[:20])
	if err := os.Rename(link, link+".hidden-part1"); err != nil {
		t.Fatal(err)
	}
	c := w.client(w.open())
	prepared := make(chan error, 1)
	go func() {
		_, err := c.Prepare(t.Context(), "late", guest.Prepare{VolumeID: volumeID})
		prepared <- err
	}()
	if err := os.Rename(link+".hidden-part1", link); err != nil {
		t.Fatal(err)
	}
	if err := <-prepared; err != nil {
		t.Error(err)
	}
}

// TestRotate_keepsCloudInitAway: a boot that looks to cloud-init like a new server's must not replace the host key again.
func TestRotate_keepsCloudInitAway(t *testing.T) {
	w := newWorld(t)
	drop := w.path("etc/cloud/cloud.cfg.d")
	private, public := hostKey(t, 5)
	rotate := func(id string) {
		t.Helper()
		body := guest.Rotate{Generation: 2, HostKey: private, DigestKey: strings.Repeat("ef", 32), AuthorizedKeys: []string{public}}
		if _, err := w.client(w.open()).Rotate(t.Context(), id, body); err != nil {
			t.Fatal(err)
		}
	}
	rotate("an image without cloud-init")
	if _, err := os.Stat(drop); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a configuration was made for a cloud-init that is not there: %v", err)
	}
	w = newWorld(t)
	drop = w.path("etc/cloud/cloud.cfg.d")
	if err := os.MkdirAll(drop, 0o755); err != nil {
		t.Fatal(err)
	}
	rotate("with it")
	if text := w.read(filepath.Join(drop, "99-trove-guestagent.cfg")); !strings.Contains(text, "\nssh_deletekeys: false\n") {
		t.Errorf("cloud-init reads %q", text)
	}
}
