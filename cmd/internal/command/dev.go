package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var devUpSpec = spec{
	synopsis: "Start the embedded OpenStack",
	usage:    "trovectl dev up [-dir D] [-machines=local|simulated|none] [-quotas=default] [-token-lifetime=D]",
	flags: func(f *flags) {
		f.devDir()
		f.devKind()
	},
	run: runDevUp,
}

var devDownSpec = spec{
	synopsis: "Stop the embedded OpenStack; machines and data stay",
	usage:    "trovectl dev down [-dir D] [-purge]",
	flags: func(f *flags) {
		f.devDir()
		f.set.BoolVar(&f.purge, "purge", false, "also remove everything it made")
	},
	run: runDevDown,
}

var devStatusSpec = spec{
	synopsis: "Show what the embedded OpenStack runs",
	usage:    "trovectl dev status [-dir D] [-json]",
	flags: func(f *flags) {
		f.devDir()
		f.jsonOutput()
	},
	run: runDevStatus,
}

func (f *flags) devDir() { f.set.StringVar(&f.dir, "dir", ".trove-dev", "where it keeps everything") }

func (f *flags) devKind() {
	f.set.StringVar(&f.listen, "listen", "", "address of the API; default 127.0.0.1:35050, then the one it had before")
	f.set.StringVar(&f.machines, "machines", "", "local: servers are processes with an agent and an engine; simulated: guests that answer from memory, for fleets of thousands; none: servers without a guest")
	f.set.StringVar(&f.quotas, "quotas", "", "default: the services' own quotas, or with others (default,instances=20); otherwise unlimited")
	f.set.StringVar(&f.tokenLifetime, "token-lifetime", "", "how long a token is valid, such as 30s; default 1h")
}

// devSettings is what a dev directory was made with; it keeps its address, so that a state stays bound to its cloud.
type devSettings struct {
	Listen   string `json:"listen"`
	Subnet   string `json:"subnet"`
	Machines string `json:"machines"`
	Quotas   string `json:"quotas,omitempty"`
	Tokens   string `json:"token_lifetime,omitempty"`
}

// tokenLifetime is 0 for the usual one.
func (s devSettings) tokenLifetime() (time.Duration, error) {
	if s.Tokens == "" {
		return 0, nil
	}
	lifetime, err := time.ParseDuration(s.Tokens)
	if err != nil || lifetime <= 0 {
		return 0, fmt.Errorf("-token-lifetime=%s: want a duration such as 30s or 10m", s.Tokens)
	}
	return lifetime, nil
}

const devListen = "127.0.0.1:35050"

func devFile(dir string) string  { return filepath.Join(dir, "dev.json") }
func devPID(dir string) string   { return filepath.Join(dir, "dev.pid") }
func devReady(dir string) string { return filepath.Join(dir, "dev.ready") } // made by the process that listens
func devLog(dir string) string   { return filepath.Join(dir, "dev.log") }

func readDevSettings(dir string) (devSettings, error) {
	var s devSettings
	data, err := os.ReadFile(devFile(dir))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s is damaged: %w", devFile(dir), err)
	}
	return s, nil
}

// devDirectory is the absolute directory of the flags, which must be ours or empty.
func (m *Meta) devDirectory(f *flags) (string, error) {
	if err := f.words(0, 0, "no argument"); err != nil {
		return "", err
	}
	return filepath.Abs(m.path(f.dir))
}

func runDevUp(m *Meta, f *flags) int {
	dir, err := m.devDirectory(f)
	if err != nil {
		return m.fail("%v", err)
	}
	if pid := devProcess(dir); pid != 0 {
		return m.devAnswers(dir, fmt.Sprintf("The embedded OpenStack already runs (pid %d).", pid))
	}
	settings, err := prepareDev(dir, f)
	if err != nil {
		return m.failErr("The embedded OpenStack cannot start", err)
	}
	if err := os.Remove(devReady(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return m.failErr("The embedded OpenStack cannot start", err)
	}
	if err := spawnDev(dir); err != nil {
		return m.failErr("The embedded OpenStack cannot start", err)
	}
	if err := awaitDev(dir, settings); err != nil {
		return m.failErr("The embedded OpenStack did not start", err)
	}
	return m.devAnswers(dir, "The embedded OpenStack answers.")
}

func (m *Meta) devAnswers(dir, first string) int {
	_, _ = fmt.Fprintf(m.streams.Out, "%s\n\n  export OS_CLIENT_CONFIG_FILE=%s\n  export OS_CLOUD=dev\n\n", first, filepath.Join(dir, "clouds.yaml"))
	return exitOK
}

// prepareDev makes the directory and its settings, or reads those it was made with.
func prepareDev(dir string, f *flags) (devSettings, error) {
	settings, err := readDevSettings(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if entries, readErr := os.ReadDir(dir); readErr == nil && len(entries) > 0 {
			return settings, fmt.Errorf("%s holds other things: give -dir a directory of its own", dir)
		}
		settings = devSettings{Listen: devListen, Machines: "local", Subnet: freeSubnet(dir)}
	case err != nil:
		return settings, err
	}
	for _, set := range []struct {
		to    *string
		value string
	}{
		{&settings.Listen, f.listen}, {&settings.Machines, f.machines}, {&settings.Quotas, f.quotas},
		{&settings.Tokens, f.tokenLifetime},
	} {
		if set.value != "" {
			*set.to = set.value
		}
	}
	if !slices.Contains([]string{"local", "simulated", "none"}, settings.Machines) {
		return settings, fmt.Errorf("-machines=%s: there are local, simulated and none", settings.Machines)
	}
	if _, err := settings.tokenLifetime(); err != nil {
		return settings, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return settings, err
	}
	data, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return settings, err
	}
	return settings, os.WriteFile(devFile(dir), append(data, '\n'), 0o600)
}

// spawnDev starts `dev serve` in a session of its own, with an environment of its own.
func spawnDev(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(devLog(dir), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(self, "dev", "serve", "-dir", dir)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(devPID(dir), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reaped when it ends before we do
	return nil
}

// awaitDev waits until it answers, or ends, and then says why by its log.
func awaitDev(dir string, settings devSettings) error {
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(devReady(dir)); err == nil {
			return nil
		}
		if devProcess(dir) == 0 {
			return fmt.Errorf("%s", lastLines(devLog(dir), 5))
		}
		_ = wallClock{}.Sleep(context.Background(), 50*time.Millisecond)
	}
	return fmt.Errorf("no answer from http://%s within a minute:\n%s", settings.Listen, lastLines(devLog(dir), 5))
}

func lastLines(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return tail(strings.TrimSpace(string(data)), n)
}

// tail is the end of a text, so many lines of it.
func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// devProcess is the pid of a dev directory's process; 0: it does not run.
func devProcess(dir string) int {
	data, err := os.ReadFile(devPID(dir))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), "serve\x00-dir\x00"+dir+"\x00") {
		return 0
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
		return 0
	}
	return pid
}

// devSummary asks a running embedded OpenStack for everything.
func devSummary(settings devSettings) ([]byte, error) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get("http://" + settings.Listen + "/_dev/status")
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("http://%s answers %s: it is not the embedded OpenStack", settings.Listen, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 64<<20))
}

func runDevDown(m *Meta, f *flags) int {
	dir, err := m.devDirectory(f)
	if err != nil {
		return m.fail("%v", err)
	}
	settings, err := readDevSettings(dir)
	if err != nil {
		return m.fail("%s is not a directory of the embedded OpenStack", dir)
	}
	if pid := devProcess(dir); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return m.failErr("The embedded OpenStack cannot be stopped", err)
		}
		for devProcess(dir) == pid {
			_ = wallClock{}.Sleep(context.Background(), 50*time.Millisecond)
		}
	}
	if err := os.Remove(devPID(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return m.failErr("The embedded OpenStack cannot be cleaned up", err)
	}
	if err := stopLeftovers(dir, settings); err != nil {
		return m.failErr("A machine could not be stopped", err)
	}
	if !f.purge {
		_, _ = fmt.Fprintln(m.streams.Out, "The embedded OpenStack is down. Its machines and data are kept in", dir)
		return exitOK
	}
	if err := os.RemoveAll(dir); err != nil {
		return m.failErr("The embedded OpenStack cannot be removed", err)
	}
	_, _ = fmt.Fprintln(m.streams.Out, "The embedded OpenStack is down and", dir, "is removed.")
	return exitOK
}

func runDevStatus(m *Meta, f *flags) int {
	dir, err := m.devDirectory(f)
	if err != nil {
		return m.fail("%v", err)
	}
	settings, err := readDevSettings(dir)
	if err != nil {
		return m.fail("%s is not a directory of the embedded OpenStack: start one with `trovectl dev up -dir %s`", dir, f.dir)
	}
	if devProcess(dir) == 0 {
		return m.fail("The embedded OpenStack in %s does not run: `trovectl dev up -dir %s`", dir, f.dir)
	}
	data, err := devSummary(settings)
	if err != nil {
		return m.failErr("The embedded OpenStack does not answer", err)
	}
	if f.json {
		_, _ = fmt.Fprintln(m.streams.Out, strings.TrimSpace(string(data)))
		return exitOK
	}
	return m.devTable(data)
}
