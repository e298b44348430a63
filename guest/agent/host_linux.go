package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
)

// volumeLabel is what our file systems are called; XFS allows twelve bytes.
const volumeLabel = "trove-data"

// blockDisk is a real disk, by the device that udev names after the volume's id.
type blockDisk struct {
	volumeID string
	device   string // resolved: "/dev/vdb"
	fstab    string
	run      func(ctx context.Context, argv ...string) (stdout []byte, exit int, err error)
}

func newBlockDisk(volumeID, link string, p paths) (disk, error) {
	device, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, fmt.Errorf("finding the device of volume %s: %w", volumeID, err)
	}
	return blockDisk{volumeID: volumeID, device: device, fstab: filepath.Join(p.root, "etc/fstab"), run: runCommand}, nil
}

// mount mounts the device; a blank one gets a file system first. A device that holds a signature which is not ours is
// refused, a partition table included.
func (b blockDisk) mount(ctx context.Context, at string) error {
	source, err := mountedAt(at)
	if err != nil {
		return err
	}
	if source == b.device {
		return nil
	}
	if source != "" {
		return guest.Errorf(guest.KindConflict, "%s is mounted at %s, in the way of volume %s", source, at, b.volumeID)
	}
	signature, err := b.probe(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(signature) == 0:
		if err := b.format(ctx); err != nil {
			return err
		}
	case signature["LABEL"] != volumeLabel || !slices.Contains([]string{"xfs", "ext4"}, signature["TYPE"]):
		return guest.Errorf(guest.KindConflict, "volume %s holds something that is not ours (%s%s, label %q): it is left alone",
			b.volumeID, signature["TYPE"], signature["PTTYPE"], signature["LABEL"])
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("making the mount point: %w", err)
	}
	// By device and not by label: another volume of the same label may be attached while data is moved.
	if _, err := b.must(ctx, "mount", "-o", "noatime", b.device, at); err != nil {
		return err
	}
	return b.remember(at)
}

// probe reads the signatures that blkid finds. None means blank: blkid exits with 2.
func (b blockDisk) probe(ctx context.Context) (map[string]string, error) {
	out, exit, err := b.run(ctx, "blkid", "--probe", "--output", "export", b.device)
	const nothingFound = 2
	if exit == nothingFound && len(bytes.TrimSpace(out)) == 0 {
		// It says the same of a device that it cannot read, and then nothing is known about it.
		return nil, b.readable()
	}
	if err != nil {
		return nil, fmt.Errorf("looking for signatures on %s: %w", b.device, err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key != "DEVNAME" {
			found[key] = value
		}
	}
	if found["TYPE"] == "" && found["PTTYPE"] == "" {
		return nil, guest.Errorf(guest.KindConflict, "volume %s: blkid does not say whether it is blank", b.volumeID)
	}
	return found, nil
}

// readable fails unless both ends of the device, where signatures are, can be read.
func (b blockDisk) readable() error {
	file, err := os.Open(b.device)
	if err != nil {
		return fmt.Errorf("opening the device: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	const ends = 64 << 10
	buffer := make([]byte, ends)
	if _, err := io.ReadFull(file, buffer); err != nil {
		return fmt.Errorf("reading the beginning of %s: %w", b.device, err)
	}
	if _, err := file.Seek(-ends, io.SeekEnd); err != nil {
		return fmt.Errorf("finding the end of %s: %w", b.device, err)
	}
	if _, err := io.ReadFull(file, buffer); err != nil {
		return fmt.Errorf("reading the end of %s: %w", b.device, err)
	}
	return nil
}

// format makes a file system. Neither command is told to overwrite what it recognises.
func (b blockDisk) format(ctx context.Context) error {
	if _, err := exec.LookPath("mkfs.xfs"); err == nil {
		_, err = b.must(ctx, "mkfs.xfs", "-L", volumeLabel, b.device)
		return err
	}
	_, err := b.must(ctx, "mkfs.ext4", "-q", "-m", "1", "-L", volumeLabel, b.device)
	return err
}

// remember writes the fstab line that mounts the volume at boot. nofail: a guest whose volume is away must boot, so that
// its agent can say so.
func (b blockDisk) remember(at string) error {
	text, err := os.ReadFile(b.fstab)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading fstab: %w", err)
	}
	line := fmt.Sprintf("LABEL=%s %s auto noatime,nofail,x-systemd.device-timeout=30 0 2\n", volumeLabel, at)
	for known := range strings.Lines(string(text)) {
		if fields := strings.Fields(known); len(fields) > 1 && fields[1] == at {
			return nil
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if err := writeFile(b.fstab, append(text, line...), 0o644); err != nil {
		return fmt.Errorf("writing fstab: %w", err)
	}
	return nil
}

// grow makes the kernel look at the device again, where it needs to be told, and stretches the file system.
func (b blockDisk) grow(ctx context.Context, at string) (int, error) {
	if err := rescan(filepath.Join("/sys/class/block", filepath.Base(b.device), "device/rescan")); err != nil {
		return 0, fmt.Errorf("asking the kernel to look at %s again: %w", b.device, err)
	}
	signature, err := b.probe(ctx)
	if err != nil {
		return 0, err
	}
	switch signature["TYPE"] {
	case "xfs":
		_, err = b.must(ctx, "xfs_growfs", at)
	case "ext4":
		_, err = b.must(ctx, "resize2fs", b.device)
	default:
		err = guest.Errorf(guest.KindConflict, "volume %s holds %q, which cannot grow here", b.volumeID, signature["TYPE"])
	}
	if err != nil {
		return 0, err
	}
	return b.size()
}

// rescan writes to the file that SCSI disks have for it. virtio-blk has none and announces a new size by itself.
func rescan(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0) // nothing can be made there: asking for that is refused
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString("1")
	return errors.Join(err, file.Close())
}

func (b blockDisk) size() (int, error) {
	file, err := os.Open(b.device)
	if err != nil {
		return 0, fmt.Errorf("opening the device: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("measuring the device: %w", err)
	}
	return int(end / gib), nil
}

func (b blockDisk) observe(at string) (*guest.ObservedVolume, error) {
	size, err := b.size()
	if err != nil {
		return nil, err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(at, &stat); err != nil {
		return nil, fmt.Errorf("asking the file system at %s: %w", at, err)
	}
	return &guest.ObservedVolume{
		VolumeID: b.volumeID, SizeGiB: size,
		UsedBytes: int64(stat.Blocks-stat.Bfree) * stat.Bsize,
		FreeBytes: int64(stat.Bavail) * stat.Bsize,
	}, nil
}

// must runs a command whose failure is the operation's failure.
func (b blockDisk) must(ctx context.Context, argv ...string) ([]byte, error) {
	out, _, err := b.run(ctx, argv...)
	return out, err
}

// runCommand runs an argument vector; the error holds what the command said.
func runCommand(ctx context.Context, argv ...string) (stdout []byte, exit int, err error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(said.String()))
	}
	exit = -1
	if cmd.ProcessState != nil {
		exit = cmd.ProcessState.ExitCode()
	}
	return out.Bytes(), exit, err
}

// mountedAt returns the device that is mounted at a path, "" for none (proc(5), mountinfo).
func mountedAt(at string) (string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("reading the mounts: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	var device string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) > 4 && len(kind) > 1 && place[4] == at {
			device = kind[1] // the last one hides those below it
		}
	}
	return device, nil
}
