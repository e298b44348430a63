package machines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/trovectl/trovectl/providers/emulator"
)

const (
	instanceDir = "var/lib/cloud/instance"
	// Markers of what is done once: files, users and keys; then all of user-data.
	configuredFile = instanceDir + "/sem/config"
	finishedFile   = instanceDir + "/boot-finished"
)

// What every machine has before anything runs in it.
var skeleton = []string{
	"dev/disk/by-id", "etc/ssh", "home", "root", "run", "tmp", "usr/bin", "var/lib", "var/log", instanceDir + "/scripts",
	instanceDir + "/sem",
}

// start brings the machine up: it takes its address, applies user-data when that was not done, starts its units.
func (l *Local) start(ctx context.Context, c *computer, m emulator.Machine) (err error) {
	// The addresses first: when somebody else has it, nothing has happened yet.
	listeners, err := l.listen(m)
	if err != nil {
		return err
	}
	server := newSSHServer(c, listeners)
	defer func() {
		if err != nil {
			server.close()
		}
	}()
	root, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := furnish(root, m, map[string]string{"usr/bin/" + agentName: l.agent, "usr/bin/systemctl": l.shim}); err != nil {
		return err
	}
	out, err := openConsole(root)
	if err != nil {
		return err
	}
	defer out.close()
	adopted, err := l.adopt(ctx, c, root)
	if err != nil {
		return err
	}
	init := &cloudInit{computer: c, root: root, out: out, machine: m}
	if !adopted {
		if err := init.early(ctx); err != nil {
			return err
		}
	}
	server.serve()
	if err := init.final(ctx); err != nil {
		return err
	}
	if err := c.startUnits(ctx, root, out); err != nil {
		return err
	}
	c.wentUp(server)
	return nil
}

// adopt tells whether the machine still runs from an earlier life of the emulator. What is left of a first boot that was
// interrupted is ended instead, because that boot runs runcmd again.
func (l *Local) adopt(ctx context.Context, c *computer, root *os.Root) (bool, error) {
	_, err := root.Stat(finishedFile)
	alive := len(machineProcesses(c.root)) > 0
	if alive && err == nil {
		return true, nil
	}
	if alive {
		if err := endProcesses(ctx, c.root, l.grace); err != nil {
			return false, fmt.Errorf("ending what an interrupted boot left: %w", err)
		}
	}
	// /run does not survive a reboot.
	if err := errors.Join(root.RemoveAll("run"), root.MkdirAll("run", 0o755)); err != nil {
		return false, fmt.Errorf("clearing /run: %w", err)
	}
	return false, nil
}

// furnish makes the machine's standard directories and links its programs, by their path in it, and its volumes.
func furnish(root *os.Root, m emulator.Machine, programs map[string]string) error {
	for _, dir := range skeleton {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making /%s: %w", dir, err)
		}
	}
	for name, target := range programs {
		if err := link(root, target, name); err != nil {
			return fmt.Errorf("linking /%s: %w", name, err)
		}
	}
	if err := linkDisks(root, m.Volumes); err != nil {
		return fmt.Errorf("attaching volumes: %w", err)
	}
	return nil
}

// link makes name a link to target. A file that stands in its place, not a link, was put there by the user and stays.
func link(root *os.Root, target, name string) error {
	old, err := root.Readlink(name)
	switch {
	case err == nil && old == target:
		return nil
	case err == nil:
		if err := root.Remove(name); err != nil {
			return err
		}
	default:
		if _, err := root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return root.Symlink(target, name)
}

// environment is all that a process of the machine gets: nothing of the caller's passes, least of all its credentials.
func (c *computer) environment() []string {
	search := []string{filepath.Join(c.root, "usr/bin")}
	if own := os.Getenv("PATH"); own != "" {
		search = append(search, own)
	}
	search = append(search, "/usr/sbin", "/usr/bin", "/sbin", "/bin")
	return []string{
		rootVariable + "=" + c.root,
		"PATH=" + strings.Join(search, ":"),
		"HOME=" + filepath.Join(c.root, "root"),
	}
}

// inside returns where an absolute path of the guest lies when the machine has that file, else the path as it is.
func (c *computer) inside(name string) string {
	if !path.IsAbs(name) || strings.HasPrefix(name, c.root+"/") {
		return name
	}
	here := filepath.Join(c.root, path.Clean(name))
	if _, err := os.Lstat(here); err != nil {
		return name
	}
	return here
}

// shellCommand is a command for a shell with its first word resolved by inside.
func (c *computer) shellCommand(command string) string {
	command = strings.TrimLeft(command, " \t")
	word, rest := command, ""
	if end := strings.IndexAny(command, " \t\n;&|<>"); end >= 0 {
		word, rest = command[:end], command[end:]
	}
	if resolved := c.inside(word); resolved != word {
		return quote(resolved) + rest
	}
	return command
}

// quote makes text one word of a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// run runs a program of the machine to its end with its output on the console.
func (c *computer) run(ctx context.Context, out *console, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.root, c.environment()
	cmd.Stdout, cmd.Stderr = out.file, out.file
	// A session of its own, so that it can be ended with its children and no terminal of the caller reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd.Run()
}

// A console is the machine's log of what happens outside of its own programs.
type console struct{ file *os.File }

func openConsole(root *os.Root) (*console, error) {
	file, err := root.OpenFile(consoleFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the console: %w", err)
	}
	return &console{file: file}, nil
}

func (c *console) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.file, format+"\n", args...) // a console that cannot be written must not stop a machine
}

func (c *console) close() { _ = c.file.Close() }
