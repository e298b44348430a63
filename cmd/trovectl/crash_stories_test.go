package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers/emulator"
)

// fleet is a configuration: one or two instances, each with a database and a user.
type fleet struct {
	instances int
	changed   bool // everything that can change in place has other values
}

func (f fleet) hcl() string {
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
	command []string                      // "@orders" stands for the id of that server
	once    bool                          // the command refuses what it has done already
	state   string                        // the address of a shared state; empty: trove.db
}

var (
	applying   = []string{"apply", "-auto-approve"}
	destroying = []string{"destroy", "-auto-approve", "-allow-destroy", "all"}
)

const shared = "swift://trove-state/prod"

var stories = []story{
	{name: "create", before: nothing, command: applying},
	{name: "update", before: outdated, command: applying},
	{name: "retry", before: broken, command: applying},
	{name: "delete", before: standing, command: destroying},
	{name: "plan file", before: planned, command: []string{"apply", "saved.plan"}, once: true},
	{name: "rotate", before: standing, command: []string{"rotate", "-auto-approve", "instance.orders"}},
	{name: "import", before: forgotten, command: []string{"import", "instance.orders", "@orders"}, once: true},
	{name: "rebuild", before: lost, command: []string{"state", "rebuild"}, once: true},
	{name: "Swift", before: nothing, command: applying, state: shared},
}

func nothing(w *world, instances int) { w.write(fleet{instances: instances}) }

func standing(w *world, instances int) {
	w.write(fleet{instances: instances})
	w.must(applying...)
}

// outdated is a fleet whose configuration has changed since.
func outdated(w *world, instances int) {
	standing(w, instances)
	w.write(fleet{instances: instances, changed: true})
}

// planned is a fleet whose change was planned and saved.
func planned(w *world, instances int) {
	outdated(w, instances)
	w.must("plan", "-out", "saved.plan")
}

// broken is a fleet with a server whose build failed.
func broken(w *world, instances int) {
	w.write(fleet{instances: instances})
	check(w.t, w.cloud.Inject(emulator.Fault{
		Kind: emulator.FaultErrorBuild, BodyRegexp: `"orders"`, Count: -1, Body: "No valid host was found.",
	}))
	if o := w.run(life{}, applying...); o.code != 1 {
		w.t.Fatalf("an apply whose server fails: %s", o)
	}
	w.cloud.ClearFaults()
}

// forgotten is a fleet whose first instance is not in the state any more.
func forgotten(w *world, instances int) {
	standing(w, instances)
	w.must("state", "rm", "instance.orders")
}

// lost is a fleet whose state is gone.
func lost(w *world, instances int) {
	standing(w, instances)
	check(w.t, os.Remove(filepath.Join(w.dir, "trove.db")))
}

// begin is a new world in which the story may begin.
func (s story) begin(t *testing.T, instances int) *world {
	t.Helper()
	w := newWorld(t)
	w.state = s.state
	s.before(w, instances)
	return w
}

// run is the story's command.
func (s story) run(w *world, how life) outcome {
	w.t.Helper()
	return w.run(how, s.command...)
}

// recover runs the command again until that ends well, at most twice, and judges what there is then.
func (s story) recover(w *world, want []string) []fault {
	w.t.Helper()
	var last outcome
	for range 2 {
		if last = s.run(w, life{}); last.code == 0 {
			return s.judge(w, want)
		}
	}
	faults := s.judge(w, want)
	if s.once && len(faults) == 0 {
		return nil // it was done before
	}
	return append(faults, fault{repair, fmt.Sprintf("two more runs did not end it: %s", last)})
}

// whole is a story in which nothing happens: what there is to compare with.
type whole struct {
	points   []string // that the run passed, in order
	requests int      // that it made
	objects  int      // of these to the object store
	took     time.Duration
	census   []string
}

// undisturbed runs a story without any misfortune.
func (s story) undisturbed(t *testing.T, instances int) whole {
	t.Helper()
	w := s.begin(t, instances)
	defer w.end()
	requests, objects, begun := w.requests(""), w.requests("object-store"), time.Now()
	o := s.run(w, life{serial: true, point: never})
	took := time.Since(begun)
	if o.code != 0 {
		t.Fatalf("%s without a misfortune: %s", s.name, o)
	}
	points, err := os.ReadFile(w.trace())
	check(t, err)
	result := whole{
		points:   strings.Split(strings.TrimSpace(string(points)), "\n"),
		requests: w.requests("") - requests, objects: w.requests("object-store") - objects, took: took, census: w.census(),
	}
	for _, f := range s.judge(w, result.census) {
		t.Fatalf("%s without a misfortune: %s", s.name, f.text)
	}
	return result
}
