package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers/emulator"
)

// fleet is a configuration: as many instances, each with a database and a user. Its zero value is where stories begin.
type fleet struct {
	instances int  // 0: two
	changed   bool // everything that can change in place has other values
}

func (f fleet) hcl() string {
	f.instances = max(f.instances, 2-f.instances)
	values := []string{"@limit", "200", "@name", "billing", "@size", "1", "@cidrs", `"10.0.0.0/8"`, "@login", "app", "@rights", `"SELECT"`}
	if f.changed {
		values = []string{
			"@limit", "300", "@name", "invoices", "@size", "2", "@cidrs", `"10.0.0.0/8", "192.0.2.0/24"`,
			"@login", "writer", "@rights", `"INSERT", "SELECT"`,
		}
	}
	text := fleetHead
	if f.instances > 1 {
		text += fleetSecond
	}
	return strings.NewReplacer(values...).Replace(text)
}

// password is what both users have.
func (f fleet) password() string {
	if f.changed {
		return "After-the-change-2"
	}
	return "Before-the-change-1"
}

const fleetHead = `
variable "password" {
  type      = string
  sensitive = true
}
provider "openstack" {
  cloud = "dev"
}
guest {
  transport "ssh" {
    port         = 2222
    source_cidrs = ["127.0.0.0/8"]
  }
}
datastore "mariadb" {
  version "10.11" {
    image = "mariadb-10.11"
  }
}
config_group "small" {
  datastore = datastore.mariadb
  version   = "10.11"
  values    = { max_connections = @limit }
}
instance "orders" {
  datastore    = datastore.mariadb
  version      = "10.11"
  flavor       = "db.tiny"
  network      = "private"
  config_group = config_group.small
  volume {
    size = @size
  }
  access {
    allowed_cidrs = [@cidrs]
  }
}
database "shop" {
  instance = instance.orders
  name     = "shop"
}
user "app" {
  instance = instance.orders
  name     = "@login"
  password = var.password
  grant {
    database   = database.shop
    privileges = [@rights]
  }
}
`

const fleetSecond = `
instance "billing" {
  name         = "@name"
  datastore    = datastore.mariadb
  version      = "10.11"
  flavor       = "db.tiny"
  network      = "private"
  config_group = config_group.small
  volume {
    size = 1
  }
  access {
    allowed_cidrs = ["10.0.0.0/8"]
  }
}
database "ledger" {
  instance = instance.billing
  name     = "ledger"
}
user "clerk" {
  instance = instance.billing
  password = var.password
  grant {
    database   = database.ledger
    privileges = ["SELECT"]
  }
}
`

// story is something that a user does: what there is before, and the command that may die.
type story struct {
	name    string
	before  func(w *world, instances int) // without deaths
	command []string
	state   string // the address of a shared state; empty: trove.db
	sample  int    // trials in a sample, about
}

var (
	applying   = []string{"apply", "-auto-approve"}
	destroying = []string{"destroy", "-auto-approve", "-allow-destroy", "all"}
)

var stories = []story{
	{"create", func(w *world, instances int) { w.write(fleet{instances: instances}) }, applying, "", 24},
	{"update", func(w *world, instances int) {
		w.stands(fleet{instances: instances})
		w.write(fleet{instances: instances, changed: true})
	}, applying, "", 24},
	{"retry", func(w *world, instances int) {
		w.write(fleet{instances: instances})
		check(w.t, w.cloud.Inject(emulator.Fault{
			Kind: emulator.FaultErrorBuild, BodyRegexp: `"orders"`, Count: -1, Body: "No valid host was found.",
		}))
		if o := w.run(nil, nil, applying...); o.code != 1 {
			w.t.Fatalf("an apply whose server fails: %s", o)
		}
		w.cloud.ClearFaults()
	}, applying, "", 24},
	{"delete", func(w *world, instances int) { w.stands(fleet{instances: instances}) }, destroying, "", 24},
	{"create, Swift", func(w *world, instances int) { w.write(fleet{instances: instances}) }, applying, shared, 8},
	{"delete, Swift", func(w *world, instances int) { w.stands(fleet{instances: instances}) }, destroying, shared, 8},
}

const shared = "swift://trove-state/prod"

// stands applies a configuration to its end.
func (w *world) stands(f fleet) {
	w.t.Helper()
	w.write(f)
	if o := w.run(nil, nil, applying...); o.code != 0 {
		w.t.Fatalf("applying without a fault: %s", o)
	}
}

// begin is a new world in which the story may begin.
func (s story) begin(t *testing.T, instances int) *world {
	t.Helper()
	w := newWorld(t)
	w.state = s.state
	s.before(w, instances)
	return w
}

// whole is a story in which nothing happens: what there is to compare with.
type whole struct {
	points   []string // that the run passed, in order
	requests int      // that it made
	took     time.Duration
	census   []string
}

// undisturbed runs a story without any fault.
func (s story) undisturbed(t *testing.T, instances int) whole {
	t.Helper()
	w := s.begin(t, instances)
	defer w.end()
	before, begun := w.requests(), time.Now()
	o := w.mortal(never, s.serial()...)
	took := time.Since(begun)
	if o.code != 0 {
		t.Fatalf("%s without a fault: %s", s.name, o)
	}
	points, err := os.ReadFile(w.trace())
	check(t, err)
	result := whole{strings.Split(strings.TrimSpace(string(points)), "\n"), w.requests() - before, took, w.census()}
	for _, f := range w.judge(result.census, s.command[0]) {
		t.Fatalf("%s without a fault: %s", s.name, f.text)
	}
	return result
}

// serial is the story's command with one step at a time, so that its points and its requests come in one order.
func (s story) serial() []string { return append(append([]string{}, s.command...), "-parallelism=1") }

// again is the story's command after a death: the lock of whoever held a shared state lasts as long as its lease.
func (s story) again() []string {
	if s.state == "" {
		return s.command
	}
	return append(append([]string{}, s.command...), "-lock-timeout=30s")
}

func (w *world) requests() (n int) {
	for _, r := range w.cloud.Summary().Requests {
		n += r.Count
	}
	return n
}

// recover applies again until that ends well, at most twice, and judges what there is then.
func (s story) recover(w *world, want []string) []fault {
	w.t.Helper()
	var last outcome
	for range 2 {
		if last = w.run(nil, nil, s.again()...); last.code == 0 {
			return w.judge(want, s.command[0])
		}
	}
	return append(w.judge(want, s.command[0]), fault{repair, fmt.Sprintf("two more runs did not end it: %s", last)})
}

// trace is the file that names the points which a run passed.
func (w *world) trace() string { return filepath.Join(w.dir, "trace") }

// never is a point that no run reaches.
const never = 0

// mortal runs a command that ends itself at a point.
func (w *world) mortal(point int, command ...string) outcome {
	w.t.Helper()
	return w.run([]string{"TROVE_KILL_TRACE=" + w.trace(), "TROVE_KILL_POINT=" + strconv.Itoa(point)}, nil, command...)
}
