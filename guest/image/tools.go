package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// A tool is a command or a file that a build needs, and the package that Debian and Ubuntu have it in.
type tool struct{ name, packageName string }

var tools = []tool{
	{"sfdisk", "fdisk"},
	{"mke2fs", "e2fsprogs"},
	{"qemu-img", "qemu-utils"},
	{"grub-mkimage", "grub-common"},
	{"mformat", "mtools"},
	{"mcopy", "mtools"},
	{"mount", "mount"},
	{"chroot", "coreutils"},
	{bootImage, "grub-pc-bin"},
	{"/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin"},
	{keyring, "debian-archive-keyring"},
}

// systemPath is where tools are: a user who becomes root may lack the directories of root.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// findTool returns where a tool is, "" for nowhere.
func findTool(name string) string {
	for dir := range strings.SplitSeq(systemPath, ":") {
		path := name
		if !strings.HasPrefix(name, "/") {
			path = dir + "/" + name
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// needTools names everything that is missing at once.
func needTools() error {
	var names, packages []string
	for _, t := range tools {
		if findTool(t.name) == "" {
			names, packages = append(names, t.name), append(packages, t.packageName)
		}
	}
	if findTool("mmdebstrap") == "" && findTool("debootstrap") == "" {
		names, packages = append(names, "mmdebstrap (or debootstrap)"), append(packages, "mmdebstrap")
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("not there: %s; `apt-get install --no-install-recommends %s` brings them",
		strings.Join(names, ", "), strings.Join(slices.Compact(slices.Sorted(slices.Values(packages))), " "))
}

// run runs a command. Its mounts are seen by nobody else and end with it, and so do all processes that it started: also
// when this process is killed.
func (b *build) run(ctx context.Context, argv ...string) error {
	return b.command(ctx, nil, b.log, argv...)
}

func (b *build) command(ctx context.Context, in io.Reader, out io.Writer, argv ...string) error {
	// The signal at the parent's death is that of the thread which started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, findTool(argv[0]), argv[1:]...)
	cmd.Env = []string{"PATH=" + systemPath, "LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "TMPDIR=" + b.dir}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(strings.ToLower(entry), "="); strings.HasSuffix(name, "_proxy") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = b.dir, in, out, b.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	before, _ := b.log.Seek(0, io.SeekEnd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w%s", argv[0], err, b.said(before))
	}
	return nil
}

// said are the last lines that a command wrote to the log.
func (b *build) said(from int64) string {
	const most = 12
	text, err := os.ReadFile(b.log.Name())
	if err != nil || from > int64(len(text)) {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text[from:])), "\n")
	lines = lines[max(0, len(lines)-most):]
	return "\n    " + strings.Join(lines, "\n    ")
}
