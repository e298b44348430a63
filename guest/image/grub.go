package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// bootImage is GRUB's first sector for a BIOS.
const bootImage = "/usr/lib/grub/i386-pc/boot.img"

// grubConfig is read from the root file system, where an administrator of the guest may change it. The links are Debian's
// and follow the newest kernel.
const grubConfig = `serial --unit=0 --speed=115200
terminal_output console serial
linux /vmlinuz root=LABEL=` + rootLabel + ` rw console=tty0 console=ttyS0,115200 loglevel=4 panic=10 systemd.show_status=error TERM=dumb
initrd /initrd.img
boot
`

// embedded is what GRUB knows before it has found the root.
const embedded = `search --no-floppy --label ` + rootLabel + ` --set root
set prefix=($root)/boot/grub
configfile /boot/grub/grub.cfg
`

var grubModules = []string{"part_gpt", "ext2", "search", "search_label", "normal", "configfile", "linux", "serial", "terminal", "boot", "echo", "minicmd"}

// mkimage makes GRUB's image for a platform.
func (b *build) mkimage(ctx context.Context, platform, name string, modules ...string) error {
	config := b.path("embedded.cfg")
	if err := os.WriteFile(config, []byte(embedded), 0o644); err != nil {
		return fmt.Errorf("writing GRUB's first configuration: %w", err)
	}
	argv := []string{"grub-mkimage", "-O", platform, "-o", name, "-c", config, "-p", "/boot/grub"}
	return b.run(ctx, append(append(argv, grubModules...), modules...)...)
}

// bootFromBIOS writes GRUB's first sector into the disk's first, and the rest of it into its partition.
func (b *build) bootFromBIOS(ctx context.Context, disk *os.File, l layout) error {
	name := b.path("core.img")
	if err := b.mkimage(ctx, "i386-pc", name, "biosdisk"); err != nil {
		return err
	}
	boot, err := os.ReadFile(bootImage)
	if err != nil {
		return fmt.Errorf("reading GRUB's boot sector: %w", err)
	}
	core, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading GRUB: %w", err)
	}
	first := make([]byte, sector)
	if _, err := disk.ReadAt(first, 0); err != nil {
		return fmt.Errorf("reading the disk's first sector: %w", err)
	}
	if err := joinBoot(first, boot, core, l.bios); err != nil {
		return err
	}
	for at, data := range map[int64][]byte{0: first, l.bios.start * sector: core} {
		if _, err := disk.WriteAt(data, at); err != nil {
			return fmt.Errorf("writing GRUB: %w", err)
		}
	}
	return nil
}

// Where GRUB's sectors hold what its installer fills in (GRUB source, include/grub/i386/pc/boot.h and
// include/grub/offsets.h).
const (
	bpbStart, bpbEnd          = 0x03, 0x5a // a BIOS's own parameters
	tableStart, tableEnd      = 0x1b8, 0x1fe
	kernelSector              = 0x5c // 8 bytes: where the rest of GRUB is
	driveCheck                = 0x66 // 2 bytes: a jump that disks replace by two no-ops
	blockList                 = sector - 12
	blockListEnd              = 12 // bytes: start (8), sectors (2), segment (2)
	noOperation          byte = 0x90
)

// joinBoot joins the disk's first sector (its own table), GRUB's boot sector and the rest of GRUB: the first one is told where
// the rest is, and the rest where its second sector is.
func joinBoot(first, boot, core []byte, at partition) error {
	if len(boot) != sector || len(first) != sector {
		return fmt.Errorf("GRUB's boot sector has %d bytes, not %d", len(boot), sector)
	}
	if len(core) < 2*sector || int64(len(core)) > at.size*sector {
		return fmt.Errorf("GRUB has %d bytes and its partition %d", len(core), at.size*sector)
	}
	if core[blockList-blockListEnd] != 0 {
		return errors.New("GRUB's list of blocks has more than one entry: this version of GRUB is not known")
	}
	copy(first[:bpbStart], boot[:bpbStart])
	copy(first[bpbEnd:tableStart], boot[bpbEnd:tableStart])
	copy(first[tableEnd:], boot[tableEnd:])
	binary.LittleEndian.PutUint64(first[kernelSector:], uint64(at.start))
	first[driveCheck], first[driveCheck+1] = noOperation, noOperation
	binary.LittleEndian.PutUint64(core[blockList:], uint64(at.start+1))
	return nil
}

// bootFromUEFI puts GRUB where firmware looks on a disk that nobody registered.
func (b *build) bootFromUEFI(ctx context.Context, disk string, l layout) error {
	const name = "BOOTX64.EFI"
	if err := b.mkimage(ctx, "x86_64-efi", b.path(name)); err != nil {
		return err
	}
	at := disk + "@@" + strconv.FormatInt(l.esp.start*sector, 10)
	for _, argv := range [][]string{
		{"mformat", "-i", at, "-v", "EFI", "-T", strconv.FormatInt(l.esp.size, 10), "-h", "64", "-s", "32", "::"},
		{"mmd", "-i", at, "::/EFI", "::/EFI/BOOT"},
		{"mcopy", "-i", at, b.path(name), "::/EFI/BOOT/" + name},
	} {
		if err := b.run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

// partition writes the table.
func (b *build) partition(ctx context.Context, disk string, l layout) error {
	var in io.Reader = strings.NewReader(l.script())
	return b.command(ctx, in, b.log, "sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk)
}
