package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
)

const gib = 1 << 30

// A disk is what the data volume is made of.
type disk interface {
	// mount makes the disk's files appear at the path. It formats only what is provably blank.
	mount(ctx context.Context, at string) error
	// grow makes the file system fill the device and returns the device's size in GiB.
	grow(ctx context.Context, at string) (sizeGiB int, err error)
	// observe measures the disk mounted at the path; nil for the server's own disk.
	observe(at string) (*guest.ObservedVolume, error)
}

// findDisk waits until the volume's device shows, which may be later than the cloud says "attached".
func (a *Agent) findDisk(ctx context.Context, volumeID string, wait time.Duration) (disk, error) {
	if volumeID == "" {
		return ownDisk{}, nil
	}
	var device string
	var info os.FileInfo
	err := poll(ctx, wait, func() (bool, error) {
		var err error
		if device, err = a.paths.findDevice(volumeID); err == nil {
			info, err = os.Stat(device)
		}
		return err == nil || !errors.Is(err, fs.ErrNotExist), err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, guest.Errorf(guest.KindConflict, "volume %s is not attached: after %s, %v", volumeID, wait, err)
	case err != nil:
		return nil, fmt.Errorf("looking for volume %s: %w", volumeID, err)
	case info.IsDir():
		return directoryDisk{volumeID: volumeID, dir: device}, nil
	}
	return newBlockDisk(volumeID, device, a.paths)
}

// pollEvery is the pause between two looks at a device.
const pollEvery = 200 * time.Millisecond

// poll asks until ready says true, the wait is over, or ctx ends. It returns ready's last error, or ctx's.
func poll(ctx context.Context, wait time.Duration, ready func() (bool, error)) error {
	deadline := time.Now().Add(wait)
	for {
		ok, err := ready()
		if ok || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// resizeVolume fulfils guest.ResizeVolume. The device may show its new size a little after the cloud does.
func (a *Agent) resizeVolume(ctx context.Context, in guest.ResizeVolume) (guest.VolumeResized, error) {
	now := a.theIdentity()
	if server, _ := a.theEngine(); server == nil || !now.Prepared {
		return guest.VolumeResized{}, guest.Errorf(guest.KindConflict, "the guest is not prepared yet")
	}
	if now.VolumeID == "" {
		return guest.VolumeResized{}, guest.Errorf(guest.KindUnsupported, "the guest's data is on the server's own disk")
	}
	disk, err := a.findDisk(ctx, now.VolumeID, a.config.VolumeWait)
	if err != nil {
		return guest.VolumeResized{}, err
	}
	var size int
	err = poll(ctx, a.config.VolumeWait, func() (bool, error) {
		var err error
		size, err = disk.grow(ctx, a.paths.data)
		return err != nil || size >= in.SizeGiB, err
	})
	if err != nil {
		return guest.VolumeResized{}, asGuestError(guest.KindInternal, "growing the file system", err)
	}
	if size < in.SizeGiB {
		return guest.VolumeResized{}, guest.Errorf(guest.KindConflict,
			"the device of volume %s has %d GiB, wanted are %d: has the cloud extended it?", now.VolumeID, size, in.SizeGiB)
	}
	return guest.VolumeResized{SizeGiB: size}, nil
}

// volume measures the data volume; nil when the data is on the server's own disk.
func (a *Agent) volume(ctx context.Context) (*guest.ObservedVolume, error) {
	disk, err := a.findDisk(ctx, a.theIdentity().VolumeID, 0)
	if err != nil {
		return nil, err
	}
	seen, err := disk.observe(a.paths.data)
	if err != nil {
		return nil, asGuestError(guest.KindInternal, "measuring the data volume", err)
	}
	return seen, nil
}

// ownDisk keeps the data on the disk that the server booted from.
type ownDisk struct{}

func (ownDisk) mount(_ context.Context, at string) error { return os.MkdirAll(at, 0o755) }

func (ownDisk) grow(context.Context, string) (int, error) { return 0, nil }

func (ownDisk) observe(string) (*guest.ObservedVolume, error) { return nil, nil }

// directoryDisk is the disk of a machine that is emulated by processes: a directory that holds disk/, the data, and
// size, in GiB as decimal text.
type directoryDisk struct{ volumeID, dir string }

func (d directoryDisk) mount(_ context.Context, at string) error {
	target := filepath.Join(d.dir, "disk")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("opening the disk: %w", err)
	}
	if now, err := os.Readlink(at); err == nil {
		if now == target {
			return nil
		}
		if err := os.Remove(at); err != nil {
			return fmt.Errorf("moving the link to the disk: %w", err)
		}
	} else if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// Only an empty directory can be removed: one that holds files is somebody's data.
		return guest.Errorf(guest.KindConflict, "%s is in the way of volume %s: %v", at, d.volumeID, err)
	}
	if err := os.Symlink(target, at); err != nil {
		return fmt.Errorf("linking the disk: %w", err)
	}
	return nil
}

func (d directoryDisk) grow(context.Context, string) (int, error) { return d.size() }

func (d directoryDisk) size() (int, error) {
	text, err := os.ReadFile(filepath.Join(d.dir, "size"))
	if err != nil {
		return 0, fmt.Errorf("reading the disk's size: %w", err)
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("reading the disk's size: %w", err)
	}
	return size, nil
}

func (d directoryDisk) observe(string) (*guest.ObservedVolume, error) {
	size, err := d.size()
	if err != nil {
		return nil, err
	}
	used, err := usedBelow(filepath.Join(d.dir, "disk"))
	if err != nil {
		return nil, err
	}
	free := max(int64(size)*gib-used, 0)
	return &guest.ObservedVolume{VolumeID: d.volumeID, SizeGiB: size, UsedBytes: used, FreeBytes: free}, nil
}

// usedBelow adds up what files take on the disk. Files that vanish meanwhile count nothing.
func usedBelow(dir string) (int64, error) {
	const blockSize = 512 // of st_blocks, whatever the file system's own is
	var used int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var stat unix.Stat_t
			if err = unix.Lstat(path, &stat); err == nil {
				used += stat.Blocks * blockSize
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return used, err
}
