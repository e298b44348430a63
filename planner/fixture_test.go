package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

const (
	lineage = "aaaaaaaabbbbbbbbccccccccdd"
	ours    = "aaaaaaaa"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// world is a configuration, a state and reality. It starts with a fleet in which all three agree.
type world struct {
	want *resource.Set
	has  *state.Snapshot
	real *reality
	opts planner.Options
}

func at(text string) resource.Address {
	address, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return address
}

func empty() *world {
	return &world{
		want: &resource.Set{Resources: map[resource.Address]*resource.Resource{}, Blocks: map[resource.Address]resource.Repetition{}},
		has:  state.Empty(lineage), real: newReality(), opts: planner.Options{State: "memory:", ConfigDigest: "c0ffee"},
	}
}

// put declares a resource, each on a line of its own, and its block as a single one unless it has a key.
func (w *world) put(address string, body resource.Body) *resource.Resource {
	a := at(address)
	line := len(w.want.Resources) + 1
	r := &resource.Resource{Address: a, Body: body, Range: &diag.Range{Filename: "main.trove.hcl", Start: diag.Pos{Line: line, Column: 1}, End: diag.Pos{Line: line, Column: 9}}}
	w.want.Resources[a] = r
	mode := resource.Repetition{Mode: "single"}
	if _, ok := a.Key.IsIndex(); ok {
		mode = resource.Repetition{Mode: "count", Count: w.want.Blocks[a.Block()].Count + 1}
	}
	if _, ok := a.Key.IsText(); ok {
		mode = resource.Repetition{Mode: "for_each"}
	}
	w.want.Blocks[a.Block()] = mode
	return r
}

func (w *world) drop(addresses ...string) {
	for _, address := range addresses {
		a := at(address)
		delete(w.want.Resources, a)
		if a.Key == resource.NoKey {
			delete(w.want.Blocks, a)
		}
	}
}

func instance(name string) *resource.Instance {
	return &resource.Instance{
		Name: name, Datastore: at("datastore.mariadb"), Manager: "mariadb", Version: "10.11", Image: "mariadb-10.11",
		Flavor: "db.small", Network: "private", Volume: &resource.Volume{Size: 10},
		Access: resource.Access{AllowedCIDRs: []string{"10.20.0.0/16"}}, Guest: resource.Guest{SourceCIDRs: []string{"10.0.9.10/32"}},
	}
}

func user(name string, grants ...resource.Grant) *resource.User {
	return &resource.User{
		Instance: at("instance.orders"), Name: name, Host: "%", Password: &resource.Password{Digest: "digest of " + name}, Grants: grants,
	}
}

func grant(database string, privileges ...string) resource.Grant {
	return resource.Grant{Database: database, Privileges: privileges}
}

// shop is the fleet that most scenarios start from.
func shop() *world {
	w := empty()
	w.put("datastore.mariadb", &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": {Image: "mariadb-10.11"}}})
	w.put("config_group.oltp", &resource.ConfigGroup{
		Datastore: at("datastore.mariadb"), Manager: "mariadb", Version: "10.11", Values: map[string]string{"max_connections": "500"},
	})
	orders := instance("prod-orders")
	orders.ConfigGroup, orders.Settings = at("config_group.oltp"), map[string]string{"max_connections": "500"}
	w.put("instance.orders", orders)
	w.put("database.shop", &resource.Database{Instance: at("instance.orders"), Name: "shop", Charset: "utf8mb4"})
	g := grant("shop", "INSERT", "SELECT")
	g.Of = at("database.shop")
	w.put("user.app", user("app", g))
	return w
}

// built is the shop after its apply.
func built(t *testing.T) *world {
	t.Helper()
	w := shop()
	w.apply(t)
	return w
}

func (w *world) plan() (*plan.Plan, diag.List) {
	return planner.Plan(w.want, w.has, w.look(), w.opts)
}

// look is a look at what is recorded once the moves are made.
func (w *world) look() planner.Observation {
	moved := *w
	moved.has, _, _ = planner.Moved(w.want, w.has)
	return w.real.look(&moved)
}

func (w *world) moved(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		line := 100 + len(w.want.Moves)
		w.want.Moves = append(w.want.Moves, resource.Move{From: at(pairs[i]), To: at(pairs[i+1]), Range: &diag.Range{
			Filename: "main.trove.hcl", Start: diag.Pos{Line: line, Column: 1}, End: diag.Pos{Line: line, Column: 6},
		}})
	}
}

func (w *world) planFrom(seen planner.Observation) *plan.Plan {
	p, _ := planner.Plan(w.want, w.has, seen, w.opts)
	return p
}

// apply plans and does what the plan says to the state and to reality.
func (w *world) apply(t failer) *plan.Plan {
	t.Helper()
	p, list := w.plan()
	if err := list.Err(); err != nil {
		t.Fatalf("planning: %v", err)
	}
	w.do(t, p)
	return p
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// edit replaces a declared body by a changed copy, since records share bodies with what was declared.
func edit[T any](w *world, address string, change func(*T)) {
	r := *w.want.Resources[at(address)]
	body := *(any(r.Body).(*T))
	change(&body)
	r.Body = any(&body).(resource.Body)
	w.want.Resources[at(address)] = &r
}

func (w *world) record(address string, change func(*state.Record)) {
	r := w.has.Records[at(address)]
	change(&r)
	w.has.Records[at(address)] = r
}

func (w *world) member(address string) state.MemberID { return w.has.Records[at(address)].Member }

func (w *world) machine(address string) *machine { return w.real.machines[w.member(address)] }

// compact is a plan as one line for each finding and step.
func compact(p *plan.Plan) string {
	var b strings.Builder
	for _, m := range p.Moves {
		fmt.Fprintf(&b, "move %s to %s\n", m.From, m.To)
	}
	for _, d := range p.Drift {
		fmt.Fprintf(&b, "drift %s", d.Address)
		if d.Gone {
			b.WriteString(" gone")
		}
		if len(d.Missing) > 0 {
			fmt.Fprintf(&b, " missing %v", d.Missing)
		}
		changes(&b, d.Changes)
		b.WriteByte('\n')
	}
	for _, u := range p.Unknown {
		fmt.Fprintf(&b, "unknown %s: %s\n", u.Address, u.Why)
	}
	for _, u := range p.Unmanaged {
		fmt.Fprintf(&b, "unmanaged %s %s in %s\n", u.Kind, u.Name, u.Instance)
	}
	for _, o := range p.Orphans {
		fmt.Fprintf(&b, "orphan %s %s\n", o.Service, o.ID)
	}
	for _, c := range p.Conditions {
		fmt.Fprintf(&b, "condition %s %s: %s\n", c.Address, c.Code, c.Text)
	}
	for _, s := range p.Steps {
		line(&b, s)
	}
	fmt.Fprintf(&b, "unchanged %d\n", p.Unchanged)
	return b.String()
}

func line(b *strings.Builder, s plan.Step) {
	fmt.Fprintf(b, "%s (%s, %s)", s.ID, s.Reason.Code, s.Impact)
	changes(b, s.Changes)
	add := func(what string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(b, " %s %q", what, values)
		}
	}
	add("rebuild", s.Rebuild)
	add("needs", s.Needs)
	for _, f := range s.Facts {
		fmt.Fprintf(b, " fact %s %s=%s", f.Kind, f.Subject, f.Value)
	}
	if len(s.Destroys) > 0 {
		fmt.Fprintf(b, " destroys %v", s.Destroys)
	}
	if !s.With.IsZero() {
		fmt.Fprintf(b, " with %s", s.With)
	}
	if s.Unverified != "" {
		fmt.Fprintf(b, " unverified %q", s.Unverified)
	}
	add("notes", s.Notes)
	b.WriteByte('\n')
}

func changes(b *strings.Builder, all []plan.Change) {
	for _, c := range all {
		switch {
		case c.Sensitive:
			fmt.Fprintf(b, " %s: (sensitive)", c.Path)
		default:
			fmt.Fprintf(b, " %s: %v -> %v", c.Path, c.Before, c.After)
		}
		if c.Pending {
			b.WriteString(" pending")
		}
	}
}

func tell(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s %s", d.Severity, d.Code)
		if d.Subject != nil {
			fmt.Fprintf(&b, " at %s", d.Subject)
		}
		fmt.Fprintf(&b, " %s\n  %s\n  %s\n  %s\n", d.Address, d.Summary, d.Detail, d.Hint)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
