package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A work is one command whose cost is measured. Works follow one another over the same cloud and state.
type work struct {
	name     string
	machines string   // what servers are while it runs: simulated, or none
	args     []string // of trovectl
	exit     int      // the exit code that shows that the right thing was measured
	peer     string   // what of Terraform's stands beside it; empty: nothing comparable was measured
}

// Without guests no instance can be prepared, so the fleet is made with simulated ones; then the same servers run
// without guests.
var works = []work{
	{"plan from empty", simulated, []string{"plan", "-detailed-exitcode"}, 2, "plan from empty"},
	{"apply", simulated, []string{"apply", "-auto-approve"}, 0, "apply"},
	{"plan, nothing to do", simulated, []string{"plan", "-detailed-exitcode"}, 0, "plan, nothing to do"},
	{"plan, one change", simulated, []string{"plan", "-detailed-exitcode", "-var", "size=2"}, 2, ""},
	{"drift -no-guests", simulated, []string{"drift", "-no-guests"}, 0, "plan, nothing to do"},
	{"plan, nothing to do, no guest answers", none, []string{"plan", "-detailed-exitcode"}, 0, "plan, nothing to do"},
	{"plan, one change, no guest answers", none, []string{"plan", "-detailed-exitcode", "-var", "size=2"}, 2, ""},
}

// Over a broker, what its guests cost is of interest.
var brokerWorks = []work{
	{"apply, over AMQP", simulated, []string{"apply", "-auto-approve"}, 0, "apply"},
	{overBroker, simulated, []string{"plan", "-detailed-exitcode"}, 0, "plan, nothing to do"},
}

const (
	simulated  = "simulated"
	none       = "none"
	overBroker = "plan, nothing to do, over AMQP"
)

// A result is what a work cost.
type result struct {
	work
	n       int
	wall    time.Duration
	cpu     time.Duration // user and system
	memory  int64         // bytes, the most that was resident
	written int64         // bytes that the kernel counted for the process's writes to storage
	api     int           // requests that the cloud and the broker's management answered
	guests  int           // requests that guests answered
}

// A fleet is a directory with a configuration, a state and a cloud.
type fleet struct {
	bin     string
	dir     string
	n       int
	latency time.Duration
	broker  *broker // over which its guests are reached; nil: over SSH
	runs    string  // the kind of machines that the cloud runs now; empty: it does not run
	listen  string
}

// configuration is that of n instances; its variables have the embedded OpenStack's values.
const configuration = `
variable "cloud" {
  default = "dev"
}
variable "flavor" {
  default = "db.small"
}
variable "network" {
  default = "private"
}
variable "volume_type" {
  default = null
}
variable "zone" {
  default = null
}
variable "image" {
  default = "mariadb-10.11"
}
variable "ssh_port" {
  default = 2222
}
variable "source_cidrs" {
  default = ["127.0.0.0/8"]
}
variable "allowed_cidrs" {
  default = ["10.0.0.0/8"]
}
variable "password" {
  type      = string
  sensitive = true
}
variable "size" {
  default = 1
}
provider "openstack" {
  cloud = var.cloud
}
guest {
  %s
}
locals {
  names = toset([%s])
}
datastore "mariadb" {
  version "10.11" {
    image = var.image
  }
}
instance "fleet" {
  for_each          = local.names
  datastore         = datastore.mariadb
  version           = "10.11"
  flavor            = var.flavor
  network           = var.network
  availability_zone = var.zone
  volume {
    size = each.key == "n00000" ? var.size : 1
    type = var.volume_type
  }
  access {
    allowed_cidrs = var.allowed_cidrs
  }
}
database "fleet" {
  for_each = local.names
  instance = instance.fleet[each.key]
  name     = "app"
}
user "fleet" {
  for_each = local.names
  instance = instance.fleet[each.key]
  name     = "app"
  password = var.password
  grant {
    database   = database.fleet[each.key]
    privileges = ["SELECT"]
  }
}
`

const sshTransport = `transport "ssh" {
    port         = var.ssh_port
    source_cidrs = var.source_cidrs
  }`

// configured is the configuration of n instances whose guests are reached over a transport.
func configured(n int, transport string) []byte {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprintf("n%05d", i))
	}
	return fmt.Appendf(nil, configuration, transport, strings.Join(names, ", "))
}

func (f *fleet) write() error {
	transport := sshTransport
	if f.broker != nil {
		transport = f.broker.transport()
	}
	if err := os.WriteFile(filepath.Join(f.dir, "main.trove.hcl"), configured(f.n, transport), 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("finding a free port: %w", err)
	}
	f.listen = free.Addr().String()
	return free.Close()
}

func (f *fleet) cloudDir() string { return filepath.Join(f.dir, "cloud") }

// command is trovectl with nothing of the caller's clouds and states.
func (f *fleet) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.bin, args...)
	cmd.Dir = f.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OS_") || strings.HasPrefix(v, "TROVE_") || strings.HasPrefix(v, "CI=")
	})
	cmd.Env = append(cmd.Env, "OS_CLIENT_CONFIG_FILE="+filepath.Join(f.cloudDir(), "clouds.yaml"), "TROVE_VAR_password=bench-secret")
	if f.broker != nil {
		cmd.Env = append(cmd.Env, f.broker.secrets()...)
	}
	return cmd
}

func (f *fleet) run(ctx context.Context, args ...string) ([]byte, error) {
	var out, problems bytes.Buffer
	cmd := f.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("trovectl %s: %w\n%s%s", strings.Join(args, " "), err, tail(out.Bytes()), tail(problems.Bytes()))
	}
	return out.Bytes(), nil
}

func tail(text []byte) []byte {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// serve makes the cloud run that kind of machines, with every request as slow as asked for.
func (f *fleet) serve(ctx context.Context, machines string) error {
	if f.runs == machines {
		return nil
	}
	if err := f.down(ctx); err != nil {
		return err
	}
	if _, err := f.run(ctx, "dev", "up", "-dir", f.cloudDir(), "-listen", f.listen, "-machines="+machines); err != nil {
		return err
	}
	f.runs = machines
	if err := f.ready(ctx); err != nil {
		return err
	}
	return f.slow(ctx)
}

// down ends the cloud, if it was ever started.
func (f *fleet) down(ctx context.Context, more ...string) error {
	if _, err := os.Stat(f.cloudDir()); err != nil {
		return nil
	}
	f.runs = ""
	_, err := f.run(ctx, append([]string{"dev", "down", "-dir", f.cloudDir()}, more...)...)
	return err
}

// measure runs a work and counts.
func (f *fleet) measure(ctx context.Context, w work) (result, error) {
	before, err := f.status(ctx)
	if err != nil {
		return result{}, err
	}
	managed := f.broker.requests()
	var out bytes.Buffer
	cmd := f.command(ctx, w.args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != w.exit {
		return result{}, fmt.Errorf("%s: trovectl %s: %v, want exit code %d\n%s", w.name, strings.Join(w.args, " "), cmd.ProcessState, w.exit, tail(out.Bytes()))
	}
	after, err := f.status(ctx)
	if err != nil {
		return result{}, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return result{}, errors.New("this system does not tell what a process used")
	}
	const block, kib = 512, 1 << 10 // getrusage(2), on Linux
	return result{
		work: w, n: f.n, wall: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		memory: usage.Maxrss * kib, written: usage.Oublock * block,
		api: after.api() - before.api() + f.broker.requests() - managed, guests: after.of("guest") - before.of("guest"),
	}, nil
}

// status is the part of `dev status -json` that is counted.
type status struct {
	Servers []struct {
		Running bool `json:"running"`
	} `json:"servers"`
	Requests []struct {
		Service string `json:"service"`
		Count   int    `json:"count"`
	} `json:"requests"`
}

func (s status) of(service string) int {
	sum := 0
	for _, r := range s.Requests {
		if r.Service == service {
			sum += r.Count
		}
	}
	return sum
}

func (s status) api() int {
	sum := 0
	for _, r := range s.Requests {
		sum += r.Count
	}
	return sum - s.of("guest") - s.of("dev")
}

func (f *fleet) status(ctx context.Context) (status, error) {
	var s status
	text, err := f.run(ctx, "dev", "status", "-dir", f.cloudDir(), "-json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("reading the cloud's status: %w", err)
	}
	return s, nil
}
