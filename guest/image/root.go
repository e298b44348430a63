package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// install makes a Debian system with everything in it at root. The elements' files are there before the packages are, so
// that those find them.
func (b *build) install(ctx context.Context, root string) error {
	overlay := b.path("overlay")
	if err := b.writeOverlay(overlay); err != nil {
		return err
	}
	mirror := b.mirror()
	if mirror == "" {
		return errors.New("this machine's apt names no mirror of Debian: name one with -mirror URL")
	}
	from := sources(mirror, b.engine.release)
	packages := append([]string{"linux-image-cloud-" + debianArchitecture, "initramfs-tools", "zstd"}, b.engine.packages...)
	if findTool("mmdebstrap") == "" {
		return b.debootstrap(ctx, root, overlay, mirror, from, packages)
	}
	argv := []string{
		"mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", "--architectures=" + debianArchitecture,
		"--include=" + strings.Join(packages, ","), "--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-confold",
		"--dpkgopt=force-unsafe-io", "--setup-hook=cp -a '" + overlay + "'/. \"$1\"/",
	}
	argv = append(argv, b.engine.release, root)
	return b.run(ctx, append(argv, from...)...)
}

// debootstrap does the same where mmdebstrap is not there.
func (b *build) debootstrap(ctx context.Context, root, overlay, mirror string, from, packages []string) error {
	if err := b.run(ctx, "debootstrap", "--variant=minbase", "--arch="+debianArchitecture, "--keyring="+keyring, b.engine.release, root, mirror); err != nil {
		return err
	}
	if err := b.run(ctx, "cp", "-a", overlay+"/.", root); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "etc/apt/sources.list"), []byte(strings.Join(from, "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing the sources: %w", err)
	}
	if err := b.run(ctx, "cp", "-L", "/etc/resolv.conf", filepath.Join(root, "etc/resolv.conf")); err != nil {
		return err
	}
	script := "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d\n" +
		"apt-get -q update\napt-get -q -y -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-unsafe-io --no-install-recommends dist-upgrade\n" +
		"apt-get -q -y -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-unsafe-io --no-install-recommends install " + strings.Join(packages, " ") + "\n" +
		"rm /usr/sbin/policy-rc.d\napt-get clean; rm -rf /var/lib/apt/lists/*\n"
	return b.inside(ctx, root, []byte(script))
}

// writeOverlay writes what the elements and the boot loader need into a directory that is laid over the system.
func (b *build) writeOverlay(dir string) error {
	for _, element := range []string{base, elementOf(b.Engine)} {
		static, err := fs.Sub(elements, "elements/"+element+"/static")
		if err != nil {
			return fmt.Errorf("opening the element: %w", err)
		}
		if err := os.CopyFS(dir, static); err != nil && !errors.Is(err, fs.ErrNotExist) { // an engine may need none
			return fmt.Errorf("writing the element's files: %w", err)
		}
	}
	// An embedded file has no mode of its own.
	if err := os.Chmod(filepath.Join(dir, "etc/initramfs-tools/hooks/trovectl"), 0o755); err != nil {
		return fmt.Errorf("writing the element's files: %w", err)
	}
	for name, text := range map[string]string{
		// What a package brings to be read by people at a desk.
		"etc/dpkg/dpkg.cfg.d/50-trovectl": "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n" +
			"path-exclude=/usr/share/man/*\npath-exclude=/usr/share/info/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/mysql/mysql-test/*\n",
		"boot/grub/grub.cfg": grubConfig,
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("writing the image's own files: %w", err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing the image's own files: %w", err)
		}
	}
	return nil
}

// customize puts the agent in and runs the elements' scripts.
func (b *build) customize(ctx context.Context, root string) error {
	if err := b.run(ctx, "install", "-D", "-m", "0755", b.agent.path, filepath.Join(root, "usr/bin/trove-guestagent")); err != nil {
		return err
	}
	for _, element := range []string{base, elementOf(b.Engine)} {
		scripts, err := scriptsOf(element, "install.d")
		if err != nil {
			return err
		}
		for _, script := range scripts {
			if err := b.inside(ctx, root, script); err != nil {
				return err
			}
		}
	}
	lines := strings.Join(sources(withoutCredentials(b.mirror()), b.engine.release), "\n")
	return b.inside(ctx, root, []byte("cat > /etc/apt/sources.list <<'END'\n"+lines+"\nEND\n"+last))
}

// last removes what the build left in the system. The name and the name servers are the guest's own.
const last = `
set -eu
rm -rf /etc/apt/sources.list.d/*.sources /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt /tmp/* /run/* /var/tmp/*
rm -f /etc/hostname /etc/resolv.conf /usr/sbin/policy-rc.d
printf 'LABEL=` + rootLabel + ` / ext4 defaults,errors=remount-ro 0 1\n' > /etc/fstab
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
`

// inside runs a script in the new system.
func (b *build) inside(ctx context.Context, root string, script []byte) error {
	const enter = `set -e
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount --rbind /dev "$0/dev"
exec chroot "$0" /bin/sh -eu`
	return b.command(ctx, bytes.NewReader(script), b.log, "sh", "-c", enter, root)
}
