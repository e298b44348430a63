package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest/unit"
)

func TestPartitionsFillTheDiskAndDoNotOverlap(t *testing.T) {
	for _, size := range []int{1024, DefaultSizeMiB, 10240} {
		l := layoutOf(size)
		end := int64(mib / sector) // the first MiB is the table's
		for _, p := range []partition{l.bios, l.esp, l.root} {
			if p.start != end || p.start%2048 != 0 {
				t.Errorf("%d MiB: partition %d starts at sector %d, want %d, at a whole MiB", size, p.number, p.start, end)
			}
			end = p.start + p.size
		}
		if want := int64(size-1) * mib / sector; end != want {
			t.Errorf("%d MiB: the root ends at sector %d, want %d: the last MiB is the second table's", size, end, want)
		}
	}
	want := `label: gpt
unit: sectors
14 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=bios
15 : start=4096, size=32768, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=efi
1 : start=36864, size=4155392, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root
`
	if diff := cmp.Diff(want, layoutOf(2048).script()); diff != "" {
		t.Errorf("the script (-want +got):\n%s", diff)
	}
}

func TestBootSectorsPointToTheirNext(t *testing.T) {
	filled := func(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }
	first, boot, core := filled(sector, 1), filled(sector, 2), filled(5*sector, 3)
	clear(core[blockList-blockListEnd : sector])
	at := partition{start: 2048, size: 2048}
	if err := joinBoot(first, boot, core, at); err != nil {
		t.Fatal(err)
	}
	if got := binary.LittleEndian.Uint64(first[kernelSector:]); got != 2048 {
		t.Errorf("the first sector says that the rest begins at %d, want 2048", got)
	}
	if got := binary.LittleEndian.Uint64(core[blockList:]); got != 2049 {
		t.Errorf("the rest says that it goes on at %d, want 2049", got)
	}
	for offset, want := range map[int]byte{0: 2, bpbStart: 1, bpbEnd - 1: 1, bpbEnd: 2, driveCheck: noOperation, driveCheck + 1: noOperation, tableStart: 1, tableEnd - 1: 1, tableEnd: 2} {
		if first[offset] != want {
			t.Errorf("byte %#x of the first sector is %d, want %d", offset, first[offset], want)
		}
	}
}

func TestBootSectorsThatDoNotFitAreRefused(t *testing.T) {
	at, good := partition{start: 2048, size: 4}, make([]byte, 3*sector)
	several := slices.Clone(good)
	several[blockList-blockListEnd] = 1
	for name, c := range map[string]struct{ boot, core []byte }{
		"a short boot sector": {make([]byte, 500), good}, "too long": {make([]byte, sector), make([]byte, 5*sector)},
		"too short": {make([]byte, sector), make([]byte, sector)}, "two lists of blocks": {make([]byte, sector), several},
	} {
		if err := joinBoot(make([]byte, sector), c.boot, c.core, at); err == nil {
			t.Errorf("%s is not refused", name)
		}
	}
}

func TestTheVersionDecidesTheRelease(t *testing.T) {
	for _, c := range []struct{ engine, version, release, server, packages string }{
		{"mariadb", "10.11", "bookworm", "mariadb-server", "mariadb-server mariadb-client mariadb-backup"},
		{"postgresql", "15", "bookworm", "postgresql-15", "postgresql postgresql-contrib"},
		{"postgresql", "17", "trixie", "postgresql-17", "postgresql postgresql-contrib"},
		{"redis", "7.0", "bookworm", "redis-server", "redis-server redis-tools"},
		{"valkey", "8.1", "trixie", "valkey-server", "valkey-server valkey-tools"},
	} {
		e, err := lookup(c.engine, c.version, "")
		if err != nil || e.release != c.release || e.server != c.server {
			t.Errorf("%s %s: got %+v, %v", c.engine, c.version, e, err)
		}
		for _, name := range strings.Fields("cloud-init openssh-server xfsprogs e2fsprogs cloud-guest-utils " + c.packages) {
			if !slices.Contains(e.packages, name) {
				t.Errorf("%s %s: %s is not installed: %v", c.engine, c.version, name, e.packages)
			}
		}
	}
	if e, err := lookup("mariadb", "11.4", "bookworm"); err != nil || e.release != "bookworm" {
		t.Errorf("with a release: %+v, %v", e, err)
	}
	for _, c := range []struct{ engine, version, says string }{
		{"mariadb", "11.4", "10.11 in bookworm"}, {"postgresql", "16", "15 in bookworm, 17 in trixie"},
		{"oracle", "1", "mariadb, postgresql, redis, valkey"}, {"mysql", "8.0", "not for \"mysql\""},
	} {
		if _, err := lookup(c.engine, c.version, ""); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v, want something about %q", c.engine, c.version, err, c.says)
		}
	}
}

// The elements are read by diskimage-builder as well: it needs a service file of its own, and scripts that can be run.
func TestElementsAreWhole(t *testing.T) {
	got, err := fs.ReadFile(elements, "elements/trovectl-guest/static"+unit.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unit.Service, string(got)); diff != "" {
		t.Errorf("the element's service is not guest/unit's (-unit +element):\n%s", diff)
	}
	for engine := range releases {
		for _, element := range []string{base, elementOf(engine)} {
			scripts, err := scriptsOf(element, "install.d")
			if err != nil || len(scripts) == 0 {
				t.Errorf("%s has no script (%v)", element, err)
			}
			files, _ := filepath.Glob(filepath.Join("elements", element, "*.d", "*"))
			for _, name := range files {
				if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o111 == 0 {
					t.Errorf("%s cannot be run (%v)", name, err)
				}
			}
		}
		deps, err := os.ReadFile(filepath.Join("elements", elementOf(engine), "element-deps"))
		if err != nil || !slices.Contains(strings.Fields(string(deps)), base) {
			t.Errorf("%s does not rest on %s: %q, %v", engine, base, deps, err)
		}
		if _, err := os.Stat(filepath.Join("elements", elementOf(engine), "static")); err == nil && !slices.Contains(strings.Fields(string(deps)), "install-static") {
			t.Errorf("diskimage-builder leaves out the files of %s", engine)
		}
	}
}

func TestTheOverlayHasWhatBootNeeds(t *testing.T) {
	const initramfs = "etc/initramfs-tools/hooks/trovectl"
	always := []string{initramfs, "boot/grub/grub.cfg", "etc/cloud/cloud.cfg.d/90-trovectl.cfg", unit.Path}
	for engine, more := range map[string]string{
		"mariadb": "", "postgresql": "etc/postgresql-common/createcluster.d/50-trovectl.conf",
		"redis": "etc/sysctl.d/50-trovectl-redis.conf", "valkey": "etc/sysctl.d/50-trovectl-valkey.conf",
	} {
		b, dir := &build{Options: Options{Engine: engine}}, t.TempDir()
		if err := b.writeOverlay(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(strings.Fields(more), always...) {
			mode := fs.FileMode(0o644)
			if name == initramfs {
				mode = 0o755
			}
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %s: %v, want mode %o", engine, name, err, mode)
			}
		}
	}
}

func TestTheMirrorIsTheMachines(t *testing.T) {
	etc := t.TempDir()
	if got := hostMirror(etc); got != "" {
		t.Errorf("without sources the mirror is %s", got)
	}
	write(t, filepath.Join(etc, "sources.list.d/a.sources"), "Types: deb\n# http://snapshot.invalid/debian\nURIs: http://mirror.example.org/debian/\nSuites: trixie\n")
	write(t, filepath.Join(etc, "sources.list.d/0.list"), "deb https://other.example.org/tool stable main\n")
	if got := hostMirror(etc); got != "http://mirror.example.org/debian" {
		t.Errorf("the mirror is %s", got)
	}
	want := []string{
		"deb [signed-by=" + keyring + "] http://m/debian trixie main", "deb [signed-by=" + keyring + "] http://m/debian trixie-updates main",
		"deb [signed-by=" + keyring + "] http://m/debian-security trixie-security main",
	}
	if diff := cmp.Diff(want, sources("http://m/debian/", "trixie")); diff != "" {
		t.Errorf("the sources (-want +got):\n%s", diff)
	}
	if got := withoutCredentials("https://me:secret@mirror.example.org/debian"); got != "https://mirror.example.org/debian" {
		t.Errorf("the image remembers %s", got)
	}
}

func TestAnAgentThatDoesNotFitIsRefused(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	write(t, script, "#!/bin/sh\necho trove-guestagent 1\n")
	for name, says := range map[string]string{filepath.Join(dir, "none"): "make build", script: "not a program for Linux", "/bin/sh": "not static"} {
		if _, err := openAgent(context.Background(), name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

func TestAnImageIsDescribedByItsManifest(t *testing.T) {
	name := filepath.Join(t.TempDir(), FileName("mariadb", "10.11"))
	if filepath.Base(name) != "trovectl-mariadb-10.11-amd64.qcow2" {
		t.Errorf("it is called %s", name)
	}
	write(t, name, "QFI\xfb data")
	alone, err := Describe(name)
	if err != nil || alone.Size != 9 || len(alone.SHA256) != 64 {
		t.Fatalf("without a manifest: %+v, %v", alone, err)
	}
	want := Manifest{
		File: filepath.Base(name), Engine: "mariadb", Version: "10.11", EnginePackage: "1:10.11.19-0", Release: "bookworm", AgentVersion: "0.1.0",
		Architecture: Architecture, SHA256: alone.SHA256, Size: 9, MinDisk: 2, MinRAM: 256, BuiltAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if err := want.write(name); err != nil {
		t.Fatal(err)
	}
	got, err := Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the manifest (-want +got):\n%s", diff)
	}
	properties := got.Properties()
	for property, value := range map[string]string{PropertyAgent: "0.1.0", PropertyEngine: "mariadb", PropertyVersion: "10.11", PropertySHA256: alone.SHA256} {
		if properties[property] != value {
			t.Errorf("%s is %q, want %q", property, properties[property], value)
		}
	}
}

func TestAFileThatIsNoImageIsRefused(t *testing.T) {
	dir := t.TempDir()
	raw, changed := filepath.Join(dir, "raw"), filepath.Join(dir, "changed.qcow2")
	write(t, raw, "no image")
	write(t, changed, "QFI\xfb data")
	text, err := json.Marshal(Manifest{SHA256: strings.Repeat("0", 64)})
	if err != nil {
		t.Fatal(err)
	}
	write(t, ManifestName(changed), string(text))
	for name, says := range map[string]string{raw: "not a disk image in qcow2", changed: "is not what", filepath.Join(dir, "none"): "no such file"} {
		if _, err := Describe(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
