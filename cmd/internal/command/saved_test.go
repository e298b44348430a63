package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// TestFitsState: a plan fits the state that it was made from, and the one in which its own run is open. Nothing else.
func TestFitsState(t *testing.T) {
	saved := &savedPlan{path: "p", digest: "mine", plan: &plan.Plan{Lineage: "l", Serial: 7}}
	first := &savedPlan{path: "p", digest: "mine", plan: &plan.Plan{Lineage: "l"}}
	mine, other := &state.Run{PlanDigest: "mine"}, &state.Run{PlanDigest: "other", Who: "eve@host", Begun: time.Unix(0, 0)}
	for _, c := range []struct {
		name      string
		saved     *savedPlan
		now       state.Snapshot
		supersede bool
		want      string // in the summary; empty: it fits
	}{
		{"as it was made", saved, state.Snapshot{Lineage: "l", Serial: 7}, false, ""},
		{"of a state that is still to be made", first, state.Snapshot{Lineage: "l"}, false, ""},
		{"its own run is open", saved, state.Snapshot{Lineage: "l", Serial: 99, Run: mine}, false, ""},
		{"something was applied in between", saved, state.Snapshot{Lineage: "l", Serial: 8}, false, "stale"},
		{"an older state came back", saved, state.Snapshot{Lineage: "l", Serial: 6}, false, "stale"},
		{"the state is gone", saved, state.Snapshot{Lineage: "l"}, false, "stale"},
		{"another lineage", saved, state.Snapshot{Lineage: "m", Serial: 7}, false, "another state"},
		{"another lineage with the same run", saved, state.Snapshot{Lineage: "m", Serial: 7, Run: mine}, false, "another state"},
		{"another run is open", saved, state.Snapshot{Lineage: "l", Serial: 7, Run: other}, false, "another saved plan has not ended"},
		{"another run gives way", saved, state.Snapshot{Lineage: "l", Serial: 7, Run: other}, true, ""},
		{"a stale plan takes no place", saved, state.Snapshot{Lineage: "l", Serial: 9, Run: other}, true, "stale"},
	} {
		list := c.saved.fitsState(&c.now, c.supersede)
		if c.want == "" && len(list) > 0 || c.want != "" && (len(list) != 1 || !strings.Contains(list[0].Summary, c.want)) {
			t.Errorf("%s: %v, want %q", c.name, list, c.want)
		}
	}
}

// TestBind: a step that sets a password takes the one of this run, and only the one that was planned.
func TestBind(t *testing.T) {
	app := resource.Address{Kind: resource.KindUser, Name: "app"}
	user := func(digest string) *resource.User {
		return &resource.User{Name: "app", Password: &resource.Password{Digest: digest}}
	}
	change := []plan.Change{{Path: "password", Sensitive: true}}
	for _, c := range []struct {
		name    string
		action  plan.Action
		changes []plan.Change
		planned string
		now     string // the digest of what is supplied; empty: nothing
		want    string // in the summary; empty: bound
		bound   string // the digest in the plan afterwards
	}{
		{"the same", plan.Create, nil, "d", "d", "", "d"},
		{"another one", plan.Create, nil, "d", "e", "not the one that was planned", "d"},
		{"missing", plan.Create, nil, "d", "", "was not supplied", "d"},
		{"planned without, given now", plan.Create, nil, "", "e", "", "e"},
		{"planned without, missing now", plan.Create, nil, "", "", "was not supplied", ""},
		{"a change of the password", plan.Update, change, "d", "", "was not supplied", "d"},
		{"a change of something else", plan.Update, nil, "d", "", "", "d"},
	} {
		op := &operation{
			config:    &config.Config{Set: &resource.Set{Resources: map[resource.Address]*resource.Resource{app: {Address: app, Body: user(c.now)}}}},
			verifiers: map[resource.Address]resource.Secret{},
		}
		if c.now != "" {
			op.verifiers[app] = resource.NewSecret("*verifier")
		}
		p := &plan.Plan{Steps: []plan.Step{{Action: c.action, Address: app, Changes: c.changes, After: plan.Body{Body: user(c.planned)}}}}
		list := op.bind(p)
		if c.want == "" && len(list) > 0 || c.want != "" && (len(list) != 1 || !strings.Contains(list[0].Summary, c.want)) {
			t.Errorf("%s: %v, want %q", c.name, list, c.want)
		}
		if bound, _ := resource.PasswordOf(p.Steps[0].After.Body); bound.Digest != c.bound {
			t.Errorf("%s: bound to %q, want %q", c.name, bound.Digest, c.bound)
		}
	}
}

// TestBind_root: a saved plan asks for the password of root when it sets that, and else for none.
func TestBind_root(t *testing.T) {
	orders := resource.Address{Kind: resource.KindInstance, Name: "orders"}
	enabled := &resource.Instance{Root: &resource.Password{Digest: "d"}}
	for _, c := range []struct {
		name string
		step plan.Step
		asks bool
	}{
		{"created", plan.Step{Action: plan.Create, After: plan.Body{Body: enabled}}, true},
		{"created without", plan.Step{Action: plan.Create, After: plan.Body{Body: &resource.Instance{}}}, false},
		{"enabled", plan.Step{Action: plan.Update, After: plan.Body{Body: enabled}, Changes: []plan.Change{{Path: "root.enabled", After: true}}}, true},
		{"another password", plan.Step{Action: plan.Update, After: plan.Body{Body: enabled}, Changes: []plan.Change{{Path: "root.password", Sensitive: true}}}, true},
		{"disabled", plan.Step{Action: plan.Update, After: plan.Body{Body: &resource.Instance{}}, Changes: []plan.Change{{Path: "root.enabled", Before: true}}}, false},
		{"something else", plan.Step{Action: plan.Update, After: plan.Body{Body: enabled}, Changes: []plan.Change{{Path: "name"}}}, false},
	} {
		c.step.Address = orders
		op := &operation{
			config:    &config.Config{Set: &resource.Set{Resources: map[resource.Address]*resource.Resource{orders: {Address: orders, Body: enabled}}}},
			verifiers: map[resource.Address]resource.Secret{},
		}
		if list := op.bind(&plan.Plan{Steps: []plan.Step{c.step}}); (len(list) > 0) != c.asks {
			t.Errorf("%s: %v, asks: %t", c.name, list, c.asks)
		}
	}
}

// TestConsents_all: everything may be allowed for destroy, and for one saved plan that is named by its digest.
func TestConsents_all(t *testing.T) {
	saved := &savedPlan{}
	for _, c := range []struct {
		name   string
		saved  *savedPlan
		digest string
		mode   plan.Mode
		ok     bool
	}{
		{"destroy", nil, "", plan.ModeDestroy, true},
		{"apply", nil, "", plan.ModeApply, false},
		{"a plan without its digest", saved, "", plan.ModeApply, false},
		{"a plan that destroys, without its digest", saved, "", plan.ModeDestroy, false},
		{"a plan with its digest", saved, "d", plan.ModeApply, true},
	} {
		given, list := readConsents(&flags{allowDestroy: []string{"all"}, saved: c.saved, expectDigest: c.digest}, c.mode)
		if given.everything != c.ok || list.HasErrors() == c.ok {
			t.Errorf("%s: everything %v, %v", c.name, given.everything, list)
		}
	}
}

func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p")
	if err := os.WriteFile(path, []byte("old and longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(data) != "new" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q %v %v %v", data, info.Mode(), err, statErr)
	}
	if err := writeWhole(dir, []byte("x")); err == nil {
		t.Error("a directory was overwritten")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".trovectl-plan-*")); len(left) != 0 {
		t.Errorf("%v is left beside the directory", left)
	}
}
