package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Manifest says what an image is. It lies beside the image, as FILE.json.
type Manifest struct {
	File          string    `json:"file"` // base name
	Engine        string    `json:"engine"`
	Version       string    `json:"version"`        // datastore version: "10.11"
	EnginePackage string    `json:"engine_package"` // the exact version of the engine's package
	Release       string    `json:"release"`        // of Debian
	AgentVersion  string    `json:"agent_version"`
	Architecture  string    `json:"architecture"` // in Glance's words
	SHA256        string    `json:"sha256"`
	Size          int64     `json:"size"`     // bytes of the file
	MinDisk       int       `json:"min_disk"` // GiB
	MinRAM        int       `json:"min_ram"`  // MiB
	BuiltAt       time.Time `json:"built_at"`
}

// minRAM is what a guest needs to boot and to run a small engine, in MiB.
const minRAM = 256

// ManifestName is where the manifest of an image is.
func ManifestName(image string) string { return image + ".json" }

// manifest describes the image that has just been packed.
func (b *build) manifest(ctx context.Context, root string) (Manifest, error) {
	m := Manifest{
		File: filepath.Base(b.Output), Engine: b.Engine, Version: b.Version, Release: b.engine.release,
		AgentVersion: b.agent.version, Architecture: Architecture, MinRAM: minRAM, BuiltAt: b.Now().UTC().Truncate(time.Second),
	}
	const mibPerGiB = 1024
	m.MinDisk = (b.SizeMiB + mibPerGiB - 1) / mibPerGiB
	var err error
	if m.EnginePackage, err = b.packageVersion(ctx, root); err != nil {
		return Manifest{}, err
	}
	m.SHA256, m.Size, err = Digest(b.partial())
	return m, err
}

// packageVersion asks the new system for the engine's exact version, and refuses another one than was asked for.
func (b *build) packageVersion(ctx context.Context, root string) (string, error) {
	var out bytes.Buffer
	if err := b.command(ctx, nil, &out, "chroot", root, "dpkg-query", "-W", "-f=${Version}", b.engine.server); err != nil {
		return "", err
	}
	version := out.String()
	upstream := version
	if _, after, ok := strings.Cut(version, ":"); ok {
		upstream = after
	}
	if !strings.HasPrefix(upstream, b.Version+".") && !strings.HasPrefix(upstream, b.Version+"-") {
		return "", fmt.Errorf("%s of this mirror has %s %s, wanted is %s", b.engine.release, b.engine.server, version, b.Version)
	}
	return version, nil
}

func (m Manifest) write(image string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	return os.WriteFile(ManifestName(image), append(text, '\n'), 0o644)
}

// ReadManifest reads the manifest beside an image.
func ReadManifest(image string) (Manifest, error) {
	text, err := os.ReadFile(ManifestName(image))
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("%s is not an image's manifest: %w", ManifestName(image), err)
	}
	return m, nil
}
