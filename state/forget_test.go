package state_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

func TestForget(t *testing.T) {
	s := fleet(t, 2)
	at := resource.Address{Kind: "instance", Name: "i0"}
	had := s.Members[s.Records[at].Member]
	in := statetest.Intent(statetest.IDs(4).Intent(), had.ID, "server")
	in.Address = at
	s.Intents[in.ID] = in
	b, err := state.Forget(s, []resource.Address{at})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Apply(s, b); err != nil {
		t.Fatal(err)
	}
	if errs := state.Check(s); errs != nil {
		t.Errorf("after it: %v", errs)
	}
	for _, r := range s.Sorted() {
		if r.Address.Kind != resource.KindDatastore && r.Address.Name != "i1" {
			t.Errorf("%s is left", r.Address)
		}
	}
	now := s.Members[had.ID]
	if !now.Released || now.Generation != had.Generation || !now.MayHoldData || len(now.Objects) != len(had.Objects) || len(s.Intents) > 0 {
		t.Errorf("the machine is %+v, open intents %v", now, s.Intents)
	}
	if err := state.Apply(s, state.Batch{PutRoles: []state.Role{{ID: statetest.IDs(5).Role(), Member: had.ID}}}); err == nil {
		t.Error("a released member got a role")
	}
	if _, err := state.Forget(s, []resource.Address{at}); err == nil || !strings.Contains(err.Error(), "instance.i0 is not in the state") {
		t.Errorf("what is not recorded: %v", err)
	}
}

// Whatever is forgotten, the state stays sound, no object leaves it, and nothing else changes.
func TestForgetAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := state.Empty(statetest.Lineage)
		if err := state.Apply(s, statetest.Fleet(statetest.IDs(1), "i", 4)); err != nil {
			t.Fatal(err)
		}
		var chosen []resource.Address
		for _, r := range s.Sorted() {
			if rapid.Bool().Draw(t, r.Address.String()) {
				chosen = append(chosen, r.Address)
			}
		}
		b, err := state.Forget(s, chosen)
		if err != nil {
			t.Fatal(err)
		}
		before := s.Clone()
		if err := state.Apply(s, b); err != nil {
			t.Fatal(err)
		}
		if errs := state.Check(s); errs != nil {
			t.Errorf("after it: %v", errs)
		}
		for id, m := range before.Members {
			if len(s.Members[id].Objects) != len(m.Objects) {
				t.Errorf("member %s has lost its objects", id)
			}
		}
		for address, r := range before.Records {
			_, left := s.Records[address]
			host := r.Body.References()["instance"]
			if want := !slices.Contains(chosen, address) && !slices.Contains(chosen, host); left != want {
				t.Errorf("%s is left: %t, want %t", address, left, want)
			}
		}
	})
}
