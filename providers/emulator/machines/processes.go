package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	rootVariable = "TROVE_GUEST_ROOT"
	agentName    = "trove-guestagent"
	exitPoll     = 20 * time.Millisecond
	// What the agent did not stop in time gets this long for its own clean end, and after a kill this long to vanish.
	lastGrace = 10 * time.Second
)

// A process is one line of the process table. pid and start together never name two processes.
type process struct {
	pid, parent, session int
	start                uint64 // clock ticks since the computer booted
	agent                bool   // it is the agent's daemon
}

// allPIDs returns the ids of all processes in ascending order.
func allPIDs() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// readProcess returns a living process; a zombie is dead.
func readProcess(pid int) (process, bool) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, false
	}
	// The name, in parentheses, may hold anything; what follows the last parenthesis is proc(5)'s field 3 and on.
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if end < 0 || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	p := process{pid: pid}
	p.parent, _ = strconv.Atoi(fields[1])
	p.session, _ = strconv.Atoi(fields[3])
	p.start, err = strconv.ParseUint(fields[19], 10, 64)
	return p, err == nil
}

func (p process) alive() bool {
	now, ok := readProcess(p.pid)
	return ok && now.start == p.start
}

// signal sends to exactly this process: the handle is taken before the check, so a pid that was reused is not hit.
func (p process) signal(sig syscall.Signal) {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return
	}
	defer func() { _ = handle.Release() }()
	if p.alive() {
		_ = handle.Signal(sig) // it may end on its own in between; whether it is gone is asked afterwards
	}
}

// machineProcesses returns the processes of the machine with that root: those whose environment names it or whose output
// goes to a file of it (engines get an environment of their own, and outlive an agent that dies), their descendants, and
// whoever shares a session that one of them leads, or that an agent led which has died since.
func machineProcesses(root string) []process {
	mark := []byte(rootVariable + "=" + root)
	ours := map[int]bool{}
	lastAgent, agentLives := recordedAgent(root), false
	var all []process
	for _, pid := range allPIDs() {
		p, ok := readProcess(pid)
		if !ok || pid == os.Getpid() || !mayEnd(pid) {
			continue
		}
		if hasVariable(pid, mark) || writesBelow(pid, root) {
			ours[pid] = true
			p.agent = isAgent(pid)
		}
		agentLives = agentLives || pid == lastAgent
		all = append(all, p)
	}
	for _, p := range all {
		// While somebody is in its session, the pid of a dead agent is not given to another process.
		if lastAgent > 0 && !agentLives && p.session == lastAgent {
			ours[p.pid] = true
		}
	}
	if len(ours) == 0 {
		return nil
	}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if !ours[p.pid] && (ours[p.parent] || ours[p.session]) {
				ours[p.pid], grew = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(p process) bool { return !ours[p.pid] })
}

// recordedAgent returns the pid, which is also the session, of the agent that was started last; 0 when none was.
func recordedAgent(root string) int {
	text, err := os.ReadFile(filepath.Join(root, "run", agentName+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// mayEnd tells whether the process is ours to signal.
func mayEnd(pid int) bool {
	if os.Geteuid() == 0 {
		return true
	}
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func hasVariable(pid int, mark []byte) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(variable, mark) {
			return true
		}
	}
	return false
}

// writesBelow tells whether what the process prints goes to a file below root. Of a process that may not be looked at it
// tells no.
func writesBelow(pid int, root string) bool {
	for _, stream := range []string{"1", "2"} {
		target, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "fd", stream))
		if err == nil && strings.HasPrefix(target, root+"/") {
			return true
		}
	}
	return false
}

// isAgent recognises the daemon by how the unit starts it, however the binary behind it is called.
func isAgent(pid int) bool {
	cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && bytes.Contains(cmdline, []byte(agentName+"\x00daemon\x00"))
}

// endProcesses ends every process of the machine: the agent first, which stops its engine cleanly, then the others, with
// KILL for those that are left after grace. It returns when none is left, or with an error when ctx ends first.
func endProcesses(ctx context.Context, root string, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	agents := slices.DeleteFunc(machineProcesses(root), func(p process) bool { return !p.agent })
	if err := endAll(ctx, agents, syscall.SIGTERM, grace); err != nil {
		return err
	}
	rest := machineProcesses(root)
	if err := endAll(ctx, rest, syscall.SIGTERM, max(time.Until(deadline), min(grace, lastGrace))); err != nil {
		return err
	}
	// A process may have started another while we looked.
	for end := time.Now().Add(lastGrace); ; {
		rest = machineProcesses(root)
		if len(rest) == 0 {
			return nil
		}
		if err := endAll(ctx, rest, syscall.SIGKILL, lastGrace); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes do not end, the first is pid %d", len(rest), rest[0].pid)
		}
	}
}

// endAll signals the processes and waits until all are gone or wait is over, which is no error.
func endAll(ctx context.Context, list []process, sig syscall.Signal, wait time.Duration) error {
	if len(list) == 0 {
		return nil
	}
	for _, p := range list {
		p.signal(sig)
	}
	deadline := time.Now().Add(wait)
	tick := time.NewTicker(exitPoll)
	defer tick.Stop()
	for {
		list = slices.DeleteFunc(slices.Clone(list), func(p process) bool { return !p.alive() })
		if len(list) == 0 || time.Now().After(deadline) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d processes still run", len(list)), ctx.Err())
		case <-tick.C:
		}
	}
}
