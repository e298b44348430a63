package image

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

const (
	sector    = 512
	mib       = 1 << 20
	rootLabel = "trove-root"
)

// A partition of the disk, in sectors. The root is the last one, so that it can grow with the disk, and has the first
// number, as in Debian's own images.
type partition struct {
	number      int
	start, size int64
	kind, name  string
}

// Types of partitions (UEFI specification; GRUB manual, "BIOS installation").
const (
	typeBIOS  = "21686148-6449-6E6F-744E-656564454649"
	typeESP   = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	typeLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
)

// layout is the disk's partitions: GRUB for a BIOS, GRUB for UEFI, the root.
type layout struct{ bios, esp, root partition }

func layoutOf(sizeMiB int) layout {
	const perMiB = mib / sector
	const biosMiB, espMiB = 1, 16
	first := func(after partition) int64 { return after.start + after.size }
	var l layout
	l.bios = partition{number: 14, start: perMiB, size: biosMiB * perMiB, kind: typeBIOS, name: "bios"}
	l.esp = partition{number: 15, start: first(l.bios), size: espMiB * perMiB, kind: typeESP, name: "efi"}
	start := first(l.esp)
	// The last MiB holds the second copy of the table.
	l.root = partition{number: 1, start: start, size: int64(sizeMiB-1)*perMiB - start, kind: typeLinux, name: "root"}
	return l
}

// script is the partition table as sfdisk reads it.
func (l layout) script() string {
	out := "label: gpt\nunit: sectors\n"
	for _, p := range []partition{l.bios, l.esp, l.root} {
		out += fmt.Sprintf("%d : start=%d, size=%d, type=%s, name=%s\n", p.number, p.start, p.size, p.kind, p.name)
	}
	return out
}

// features of the root's file system: what every GRUB since 2.02 can read, whatever this machine's mke2fs prefers.
const features = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"

// writeDisk writes the whole disk into a file with holes.
func (b *build) writeDisk(ctx context.Context, root, disk string) error {
	l := layoutOf(b.SizeMiB)
	file, err := os.OpenFile(disk, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("making the disk: %w", err)
	}
	defer func() { _ = file.Close() }() // closed below where it matters
	if err := file.Truncate(int64(b.SizeMiB) * mib); err != nil {
		return fmt.Errorf("making the disk: %w", err)
	}
	if err := b.partition(ctx, disk, l); err != nil {
		return err
	}
	if err := b.run(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", features, "-L", rootLabel, "-m", "1", "-e", "remount-ro",
		"-E", "offset="+strconv.FormatInt(l.root.start*sector, 10)+",lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0",
		"-d", root, disk, strconv.FormatInt(l.root.size*sector/1024, 10)+"k"); err != nil {
		return fmt.Errorf("making the file system (a larger -size may help): %w", err)
	}
	if err := b.bootFromBIOS(ctx, file, l); err != nil {
		return err
	}
	if err := b.bootFromUEFI(ctx, disk, l); err != nil {
		return err
	}
	return file.Close()
}

// pack makes the file that Glance gets. Blocks are compressed: it is read once per hypervisor and sent over networks.
func (b *build) pack(ctx context.Context, disk, to string) error {
	return b.run(ctx, "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", disk, to)
}
