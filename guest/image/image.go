// Package image builds the disk image that a guest boots from.
//
// It installs Debian, the engine and the agent into a directory and packs that as a bootable disk. Nothing is mounted for
// the disk and no loop device is needed: the partition table, the boot loaders and the file system are written into a file.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Options say what is built.
type Options struct {
	Engine  string // datastore manager: "postgresql"
	Version string // datastore version: "15"
	Output  string // the qcow2 file; its manifest is beside it, with ".json"
	Agent   string // the agent's binary, static, for amd64
	Release string // of Debian; empty: the one that has the version
	Mirror  string // of Debian; empty: the first of this machine's own apt sources
	SizeMiB int    // of the disk; 0: DefaultSizeMiB. A server's disk may be larger: the guest grows into it
	Now     func() time.Time
	// Step is told what begins and returns what is called at its end.
	Step func(name string) (done func())
}

// DefaultSizeMiB is the size of a disk that holds any engine and leaves room for logs.
const DefaultSizeMiB = 2048

// Architecture is the only one that is built so far, in Glance's words and in Debian's.
const (
	Architecture       = "x86_64"
	debianArchitecture = "amd64"
)

// FileName is what an image is called where nobody says otherwise.
func FileName(engine, version string) string {
	return fmt.Sprintf("trovectl-%s-%s-%s.qcow2", engine, version, debianArchitecture)
}

// Build makes the image and its manifest. Either both appear in full or, when it fails, neither: a file of that name from
// an earlier build stays then. It needs root, and about four GiB in the directory for temporary files.
func Build(ctx context.Context, o Options) (Manifest, error) {
	b, err := newBuild(ctx, o)
	if err != nil {
		return Manifest{}, err
	}
	defer b.close()
	m, err := b.all(ctx)
	if err != nil {
		return Manifest{}, errors.Join(err, b.keepLog())
	}
	return m, nil
}

// build is one run.
type build struct {
	Options
	engine engine
	agent  agent
	dir    string // private, removed at the end
	log    *os.File
}

// newBuild finds everything that can be wrong before minutes are spent.
func newBuild(ctx context.Context, o Options) (*build, error) {
	b := &build{Options: o}
	if b.SizeMiB == 0 {
		b.SizeMiB = DefaultSizeMiB
	}
	var err error
	if b.engine, err = lookup(o.Engine, o.Version, o.Release); err != nil {
		return nil, err
	}
	if runtime.GOARCH != debianArchitecture {
		return nil, fmt.Errorf("images are built on %s, for %s; this machine is %s", debianArchitecture, debianArchitecture, runtime.GOARCH)
	}
	for _, name := range []*string{&b.Output, &b.Agent} { // commands run in a directory of their own
		if *name, err = filepath.Abs(*name); err != nil {
			return nil, fmt.Errorf("finding this directory: %w", err)
		}
	}
	agent, agentErr := openAgent(ctx, b.Agent)
	b.agent = agent
	if err := errors.Join(agentErr, b.checkSize(), needRoot(), needTools()); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "trovectl-image-"); err != nil {
		return nil, fmt.Errorf("making a directory for the build: %w", err)
	}
	if b.log, err = os.Create(b.path("log")); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the log of the build: %w", err), os.RemoveAll(b.dir))
	}
	return b, nil
}

func (b *build) checkSize() error {
	const least = 1024
	if b.SizeMiB < least {
		return fmt.Errorf("a disk of %d MiB cannot hold a guest; the least is %d", b.SizeMiB, least)
	}
	return nil
}

func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("building an image needs root: it makes files that belong to root and to the engine's user")
	}
	return nil
}

func (b *build) path(name string) string { return filepath.Join(b.dir, name) }

func (b *build) close() {
	_ = b.log.Close()       // the log is for failures, and those have been told
	_ = os.RemoveAll(b.dir) // nothing is mounted there: commands mount in a namespace of their own
}

// keepLog saves the log of a failed build beside the output and says where.
func (b *build) keepLog() error {
	text, err := os.ReadFile(b.log.Name())
	if err != nil || len(text) == 0 {
		return nil
	}
	name := b.Output + ".log"
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("keeping the log: %w", err)
	}
	return fmt.Errorf("what the tools said is in %s", name)
}

// all is the build from its first step to its last.
func (b *build) all(ctx context.Context) (Manifest, error) {
	root := b.path("root")
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{fmt.Sprintf("Installing Debian %s with %s %s", b.engine.release, b.Engine, b.Version), func() error { return b.install(ctx, root) }},
		{"Making it a guest", func() error { return b.customize(ctx, root) }},
		{"Writing the disk", func() error { return b.writeDisk(ctx, root, b.path("disk.raw")) }},
		{"Packing it as qcow2", func() error { return b.pack(ctx, b.path("disk.raw"), b.partial()) }},
	} {
		done := b.Step(step.name)
		if err := step.do(); err != nil {
			return Manifest{}, errors.Join(fmt.Errorf("%s: %w", step.name, err), removeIfThere(b.partial()))
		}
		done()
	}
	m, err := b.manifest(ctx, root)
	if err == nil {
		err = m.write(b.Output)
	}
	if err == nil {
		err = os.Rename(b.partial(), b.Output)
	}
	if err != nil {
		return Manifest{}, errors.Join(fmt.Errorf("finishing %s: %w", b.Output, err), removeIfThere(b.partial()))
	}
	return m, nil
}

// partial is where the image grows: beside the output, so that it can be renamed.
func (b *build) partial() string { return b.Output + ".partial" }

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Digest is the SHA-256 of a file, in hex, and its size in bytes.
func Digest(name string) (digest string, size int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }() // only read
	hash := sha256.New()
	if size, err = io.Copy(hash, file); err != nil {
		return "", 0, fmt.Errorf("reading %s: %w", name, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}
