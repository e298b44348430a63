package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// CloudOptions say on which cloud requests are counted.
type CloudOptions struct {
	Binary string // trovectl
	Cloud  string // an entry of clouds.yaml
	Vars   string // the file of variables that describes the cloud, as the acceptance scripts have it
	Sizes  []int  // numbers of instances, each with a database and a user
	News   io.Writer
}

// A request is one that trovectl logged.
type request struct {
	call, method string
	took         time.Duration
}

// An errand is one command on a cloud, and what it asked.
type errand struct {
	name     string
	n        int
	wall     time.Duration
	requests []request
}

// errands follow one another over the same state. Their names are those of the table.
var errands = []struct {
	name string
	args []string
	exit int
}{
	{"plan from empty", []string{"plan", "-detailed-exitcode"}, 2},
	{"apply, create", []string{"apply", "-auto-approve"}, 0},
	{"plan, nothing to do", []string{"plan", "-detailed-exitcode"}, 0},
	{"plan, one change", []string{"plan", "-detailed-exitcode", "-var", "size=2"}, 2},
	{"apply, one change", []string{"apply", "-auto-approve", "-var", "size=2"}, 0},
	{"drift -no-guests", []string{"drift", "-no-guests"}, 0},
	{"destroy", []string{"destroy", "-auto-approve", "-allow-destroy", "all"}, 0},
}

// RunCloud counts the requests of every errand on a cloud that is there, and how long they took. What it made it destroys.
func RunCloud(ctx context.Context, o CloudOptions) (string, error) {
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return "", fmt.Errorf("finding the binary: %w", err)
	}
	vars, err := filepath.Abs(o.Vars)
	if err != nil {
		return "", fmt.Errorf("finding the variables: %w", err)
	}
	var all []errand
	for _, n := range o.Sizes {
		done, err := o.visit(ctx, binary, vars, n)
		if err != nil {
			return "", fmt.Errorf("with %d instances: %w", n, err)
		}
		all = append(all, done...)
	}
	return requestTable(all), nil
}

// visit runs every errand with n instances in a directory of its own. Where one fails, the directory stays: it has the state
// of what was made.
func (o CloudOptions) visit(ctx context.Context, binary, vars string, n int) ([]errand, error) {
	dir, err := os.MkdirTemp("", "trovectl-requests-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.trove.hcl"), configured(n, sshTransport), 0o600); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	var done []errand
	for _, e := range errands {
		cmd := exec.CommandContext(ctx, binary, slices.Concat(e.args, []string{"-var-file", vars})...)
		log := filepath.Join(dir, "log")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TROVE_LOG=debug", "TROVE_LOG_PATH="+log, "TROVE_VAR_password=bench-secret", "TROVE_VAR_cloud="+o.Cloud)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		began := time.Now()
		err := cmd.Run()
		took := time.Since(began)
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != e.exit {
			return nil, fmt.Errorf("%s: %v, want exit code %d; the state is in %s\n%s", e.name, cmd.ProcessState, e.exit, dir, tail(out.Bytes()))
		}
		asked, err := readRequests(log)
		if err != nil {
			return nil, err
		}
		if err := os.Remove(log); err != nil {
			return nil, fmt.Errorf("removing the log: %w", err)
		}
		done = append(done, errand{e.name, n, took, asked})
		_, _ = fmt.Fprintf(o.News, "%6d  %-24s %4d requests %6.1f s\n", n, e.name, len(asked), took.Seconds())
	}
	return done, os.RemoveAll(dir)
}

var requestLine = regexp.MustCompile(`request: call=("[^"]*"|\S+) method=(\S+) .*\bms=(\d+)`)

// readRequests finds in a log what was asked of the cloud.
func readRequests(file string) ([]request, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	var all []request
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		found := requestLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		ms, err := strconv.Atoi(found[3])
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		all = append(all, request{strings.Trim(found[1], `"`), found[2], time.Duration(ms) * time.Millisecond})
	}
	return all, lines.Err()
}

// requestTable shows the errands, and the calls that took most of each.
func requestTable(all []errand) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "command\tN\twall s\trequests\tlists\tother reads\tchanges\tslowest calls, ms\t")
	for _, e := range all {
		lists, changes := 0, 0
		for _, r := range e.requests {
			switch {
			case strings.HasPrefix(r.call, "list"):
				lists++
			case r.method != "GET" && r.method != "HEAD":
				changes++
			}
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.1f\t%d\t%d\t%d\t%d\t%s\t\n", e.name, e.n, e.wall.Seconds(), len(e.requests), lists,
			len(e.requests)-lists-changes, changes, slowest(e.requests, 3))
	}
	_ = table.Flush()
	out.WriteString(troveCosts)
	return out.String()
}

func slowest(all []request, n int) string {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b request) int { return int(b.took - a.took) })
	var names []string
	for _, r := range sorted[:min(n, len(sorted))] {
		names = append(names, fmt.Sprintf("%s %d", r.call, r.took.Milliseconds()))
	}
	return strings.Join(names, ", ")
}

// troveCosts stands below the table: the same create by Trove 18, as that was measured on the same kind of cloud.
const troveCosts = `
Trove 18 creating one instance on the same kind of cloud: 26 requests to Nova, Cinder, Neutron and Glance until the server
had been asked for (the polls that follow are not counted); ACTIVE after 23 s with a simulated guest agent and after 153 s
with a real one. It has no plan.
`
