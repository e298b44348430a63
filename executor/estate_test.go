package executor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// estate is the world's wanted set with its bodies by kind, to be changed in place as a user edits files.
type estate struct {
	w     *world
	store *resource.Datastore
	group *resource.ConfigGroup
	inst  *resource.Instance
	db    *resource.Database
	user  *resource.User
}

// built is a world in which the smallest estate with one of each kind was applied.
func built(t *testing.T) (*world, estate) {
	t.Helper()
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one"})
	w.apply(plan.ModeApply)
	w.ask(shape{limit: "200", password: "one"}) // fresh bodies: nothing is shared with what was applied
	return w, w.estate()
}

func (w *world) estate() estate {
	return estate{
		w, w.want.Resources[address("datastore.mariadb")].Body.(*resource.Datastore),
		w.want.Resources[address("config_group.oltp")].Body.(*resource.ConfigGroup),
		w.want.Resources[address("instance.orders")].Body.(*resource.Instance),
		w.want.Resources[address("database.shop")].Body.(*resource.Database),
		w.want.Resources[address("user.app")].Body.(*resource.User),
	}
}

// settings replaces the config group's values, which the reader copies into the instances that name it.
func (f estate) settings(values map[string]string) {
	f.group.Values, f.inst.Settings = values, values
}

// only keeps these of the wanted resources.
func (f estate) only(addresses ...string) {
	for a := range f.w.want.Resources {
		if !slices.Contains(addresses, a.String()) {
			delete(f.w.want.Resources, a)
			delete(f.w.want.Blocks, a.Block())
		}
	}
}

// without takes resources out of the configuration.
func (f estate) without(addresses ...string) {
	for _, a := range addresses {
		delete(f.w.want.Resources, address(a))
		delete(f.w.want.Blocks, address(a).Block())
	}
}

// add declares one more resource.
func (f estate) add(where string, body resource.Body) *resource.Resource {
	a := address(where)
	r := &resource.Resource{Address: a, Body: body}
	f.w.want.Resources[a] = r
	f.w.want.Blocks[a.Block()] = resource.Repetition{Mode: "single"}
	return r
}

func (f estate) resource(where string) *resource.Resource { return f.w.want.Resources[address(where)] }

// plan is what would be done now.
func (w *world) plan(mode plan.Mode) (*plan.Plan, error) {
	w.t.Helper()
	return w.look(context.Background(), w.snapshot(), mode)
}

func (w *world) snapshot() *state.Snapshot {
	w.t.Helper()
	s, err := w.store.Read(context.Background())
	if errors.Is(err, state.ErrMissing) {
		return state.Empty(lineage)
	}
	if err != nil {
		w.t.Fatalf("reading the state: %v", err)
	}
	return s
}

func (w *world) record(where string) state.Record {
	w.t.Helper()
	r, ok := w.snapshot().Records[address(where)]
	if !ok {
		w.t.Fatalf("%s is not recorded", where)
	}
	return r
}

func (w *world) member(where string) state.Member {
	w.t.Helper()
	return w.snapshot().Members[w.record(where).Member]
}

func (w *world) object(where string, slot state.Slot) string {
	w.t.Helper()
	object, _ := w.snapshot().Object(w.record(where).Member, slot)
	return object.ID
}

// engine is the one on the volume of the orders instance.
func (w *world) engine() *memory.Engine {
	w.t.Helper()
	e := w.guests.on(w.object("instance.orders", state.SlotVolume))
	if e == nil {
		w.t.Fatal("no engine is on the volume")
	}
	return e
}

func (w *world) database(name string) (guest.ObservedDatabase, bool) {
	w.t.Helper()
	all, err := w.engine().ListDatabases(context.Background())
	if err != nil {
		w.t.Fatalf("listing databases: %v", err)
	}
	i := slices.IndexFunc(all, func(d guest.ObservedDatabase) bool { return d.Name == name })
	if i < 0 {
		return guest.ObservedDatabase{}, false
	}
	return all[i], true
}

func (w *world) account(name, host string) (engine.Account, bool) {
	w.t.Helper()
	all, err := w.engine().ListUsers(context.Background())
	if err != nil {
		w.t.Fatalf("listing users: %v", err)
	}
	i := slices.IndexFunc(all, func(a engine.Account) bool { return a.Name == name && a.Host == host })
	if i < 0 {
		return engine.Account{}, false
	}
	return all[i], true
}

func (w *world) setting(name string) guest.Setting {
	w.t.Helper()
	all, err := w.engine().ReadSettings(context.Background(), []string{name})
	if err != nil {
		w.t.Fatalf("reading settings: %v", err)
	}
	return all[name]
}

// done applies, and checks that these steps and no others were done and that nothing is left to do.
func (w *world) done(mode plan.Mode, ids ...string) *plan.Plan {
	w.t.Helper()
	_, p, err := w.run(0, mode)
	if err != nil {
		w.t.Fatalf("applying: %v", err)
	}
	var got []string
	for _, s := range p.Steps {
		got = append(got, s.ID)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		w.t.Fatalf("the steps are %q, want %q", got, ids)
	}
	w.ended(mode)
	return p
}

func (w *world) ended(mode plan.Mode) {
	w.t.Helper()
	if err := w.settled(mode); err != nil {
		w.t.Fatalf("afterwards: %v", err)
	}
}

// fails applies, and gives the error, which must say all of this.
func (w *world) fails(mode plan.Mode, says ...string) error {
	w.t.Helper()
	_, _, err := w.run(0, mode)
	if err == nil {
		w.t.Fatal("the apply went well")
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.t.Errorf("the error does not say %q: %v", text, err)
		}
	}
	if problems := state.Check(w.snapshot()); len(problems) > 0 {
		w.t.Errorf("the state does not hold together: %v", problems)
	}
	return err
}

// refuses plans, and checks that the plan is refused with this.
func (w *world) refuses(mode plan.Mode, says ...string) {
	w.t.Helper()
	_, err := w.plan(mode)
	if err == nil {
		w.t.Fatal("the plan is not refused")
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.t.Errorf("the refusal does not say %q: %v", text, err)
		}
	}
}

// outcomes are what became of the steps in the last run: "done", "failed" or "skipped", by step.
func (w *world) outcomes() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]string{}
	for _, e := range w.events {
		switch e := e.(type) {
		case executor.Done:
			out[e.Step.ID] = "done"
		case executor.Failure:
			out[e.Step.ID] = "failed"
		case executor.Skipped:
			out[e.Step.ID] = "skipped because of " + e.Because
		case executor.Started, executor.Progress:
		default:
			panic(fmt.Sprintf("unknown event %T", e))
		}
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
