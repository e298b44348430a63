package image

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Names of the image properties by which an image in Glance tells what it is.
const (
	PropertyAgent   = "trovectl_agent"   // version of the agent
	PropertyEngine  = "trovectl_engine"  // datastore manager
	PropertyVersion = "trovectl_version" // datastore version
	PropertySHA256  = "trovectl_sha256"  // of the file, in hex
)

// Properties are what Nova is told of the image, and how it is found again. The config drive is on the disk controller
// that the guest's kernel has whatever the machine type is.
func (m Manifest) Properties() map[string]string {
	out := map[string]string{
		"os_type": "linux", "os_distro": "debian", "hw_disk_bus": "virtio", "hw_vif_model": "virtio", "hw_rng_model": "virtio",
		"hw_scsi_model": "virtio-scsi", "hw_cdrom_bus": "scsi", "architecture": m.Architecture,
	}
	for name, value := range map[string]string{
		PropertyAgent: m.AgentVersion, PropertyEngine: m.Engine, PropertyVersion: m.Version, PropertySHA256: m.SHA256,
	} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// Describe is the manifest of an image file: the one beside it, when it is of this very file. A file without one is
// described by its digest alone.
func Describe(name string) (Manifest, error) {
	if err := looksRight(name); err != nil {
		return Manifest{}, err
	}
	digest, size, err := Digest(name)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the image: %w", err)
	}
	m, err := ReadManifest(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Manifest{SHA256: digest, Size: size, Architecture: Architecture}, nil
	case err != nil:
		return Manifest{}, err
	case m.SHA256 != digest:
		return Manifest{}, fmt.Errorf("%s is not what %s describes: its sha256 is %s, there it is %s", name, ManifestName(name), digest, m.SHA256)
	}
	return m, nil
}

// looksRight refuses what is no image in qcow2: its first four bytes say so.
func looksRight(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	const magic = "QFI\xfb"
	first := make([]byte, len(magic))
	if n, _ := file.Read(first); !strings.HasPrefix(string(first[:n]), magic) {
		return fmt.Errorf("%s is not a disk image in qcow2 (`qemu-img convert -O qcow2` makes one)", name)
	}
	return nil
}
