package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// serialLength is how much of a serial number virtio and SCSI disks keep: Nova gives them the volume's id for one.
const serialLength = 20

// findDevice finds the volume's disk, whatever the kernel called it: by the name that udev made of its serial number, or by
// the number itself. The error of one that is not there, or not yet, is fs.ErrNotExist.
func (p paths) findDevice(volumeID string) (string, error) {
	serial := volumeID[:min(serialLength, len(volumeID))]
	names, err := os.ReadDir(p.devices)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, name := range names { // virtio-SERIAL, scsi-0QEMU_QEMU_HARDDISK_SERIAL, nvme-..., some with all of the id
		if strings.HasSuffix(name.Name(), serial) || strings.HasSuffix(name.Name(), volumeID) {
			return filepath.Join(p.devices, name.Name()), nil
		}
	}
	disks, err := os.ReadDir(filepath.Join(p.sys, "block"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, disk := range disks {
		for _, file := range []string{"serial", "device/serial", "device/vpd_pg80"} { // virtio-blk, NVMe, SCSI
			text, err := os.ReadFile(filepath.Join(p.sys, "block", disk.Name(), file))
			if err == nil && strings.Contains(string(text), serial) {
				return filepath.Join(p.root, "dev", disk.Name()), nil
			}
		}
	}
	return "", fmt.Errorf("no disk has the serial number %s: %w", serial, fs.ErrNotExist)
}
