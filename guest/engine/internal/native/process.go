// Package native is what engines share whose server is a process of this host: a process that outlives the agent, the user
// that it runs as, and files that are replaced as a whole.
package native

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a server that is found again by whoever knows its arguments: it lives in a session of its own and does
// not end with the agent that started it.
type Process struct {
	Binary    string   // absolute path of the server
	Arguments []string // with the absolute path of its files: they are the process's identity
	PidFile   string   // the server writes it and removes it when it ends cleanly
	Output    string   // what the server says before it opens its own log goes here
	// End asks the server to end cleanly without waiting for its clients; 0: SIGTERM.
	End syscall.Signal
}

const pollEvery = 20 * time.Millisecond

// Find returns the process id of the running server. It trusts the pid file only when the process there runs our binary
// with our arguments, and looks at every process when it does not: the server writes its pid file late.
func (p Process) Find() (int, bool) {
	if text, err := os.ReadFile(p.PidFile); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && p.is(pid) {
			return pid, true
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, false
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && p.is(pid) {
			return pid, true
		}
	}
	return 0, false
}

// is tells whether pid is our server. A zombie has no executable and so is not, and a child that the server forked leads no
// session: it may outlive a server that was killed.
func (p Process) is(pid int) bool {
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		return false
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(arguments, []byte("\x00"+strings.Join(p.Arguments, "\x00")+"\x00")) {
		return false
	}
	executable, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if errors.Is(err, fs.ErrPermission) {
		// In a container even root may not look; the arguments must do.
		program, _, _ := bytes.Cut(arguments, []byte{0})
		return filepath.Base(string(program)) == filepath.Base(p.Binary)
	}
	// One program may have several names, of which the process knows the file's own.
	binary := p.Binary
	if file, err := filepath.EvalSymlinks(binary); err == nil {
		binary = file
	}
	// A package upgrade replaces the file under the running server.
	return err == nil && filepath.Base(strings.TrimSuffix(executable, " (deleted)")) == filepath.Base(binary)
}

// Spawn starts the server as an account, or as ourselves when that has no name, and returns a channel that gets the way
// it ended, when it ends while we live.
func (p Process) Spawn(as Account) (<-chan error, error) {
	output, err := os.OpenFile(p.Output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the server's output: %w", err)
	}
	defer func() { _ = output.Close() }()
	cmd := exec.Command(p.Binary, p.Arguments...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if as.Name != "" {
		as.Become(cmd.SysProcAttr)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(p.Binary), err)
	}
	ended := make(chan error, 1)
	// Ends with the server or with us: it reaps the child, so that a dead server is not taken for a live one.
	go func() { ended <- cmd.Wait() }()
	return ended, nil
}

// Stop asks the server to end and returns when it is gone. A server that is not there is a success.
func (p Process) Stop(ctx context.Context) error {
	pid, ok := p.Find()
	if !ok {
		return nil
	}
	if err := syscall.Kill(pid, cmp.Or(p.End, syscall.SIGTERM)); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("asking process %d to end: %w", pid, err)
	}
	for p.is(pid) {
		if err := Pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("waiting for process %d to end: %w", pid, err)
		}
	}
	return nil
}

// Pause waits, or less when ctx ends, whose error it returns then.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// StartedAt is when a process was started.
func StartedAt(pid int) (time.Time, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	// The command's name, in parentheses, may hold anything; starttime is the 20th field after it, in ticks since boot.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return time.Time{}, fmt.Errorf("reading process %d: %d fields are too few", pid, len(fields))
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	system, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of boot: %w", err)
	}
	for line := range strings.SplitSeq(string(system), "\n") {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			boot, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				return time.Time{}, fmt.Errorf("reading the time of boot: %w", err)
			}
			const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go supports
			return time.Unix(boot+ticks/ticksPerSecond, 0).UTC(), nil
		}
	}
	return time.Time{}, errors.New("reading the time of boot: /proc/stat does not tell")
}
