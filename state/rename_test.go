package state_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

func address(t interface{ Fatal(...any) }, text string) resource.Address {
	a, err := resource.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestRenamed_permutations: whatever exchanges its address with whatever else of its kind, or gets a free one, the state
// holds together, every machine stays whose it was, and the way back leads back.
func TestRenamed_permutations(t *testing.T) {
	before := fleet(t, 4)
	ids := statetest.IDs(3)
	var begin []state.Intent
	for _, r := range before.Sorted() {
		if m, ok := before.MemberOf(r.Role); ok {
			in := statetest.Intent(ids.Intent(), m.ID, "put/"+r.Address.String())
			in.Address, in.Operation = r.Address, state.OpCall
			begin = append(begin, in)
		}
	}
	if err := state.Apply(before, state.Batch{Begin: begin}); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		to, back := state.Renaming{}, state.Renaming{}
		for _, kind := range resource.Kinds {
			drawRenaming(t, before, kind, to)
		}
		for from, into := range to {
			back[into] = from
		}
		after := before.Clone()
		for _, renaming := range []state.Renaming{to, back} {
			batch, err := state.RenameBatch(after, renaming)
			if err != nil {
				t.Fatal(err)
			}
			want, err := state.Renamed(after, renaming)
			if err != nil {
				t.Fatal(err)
			}
			if err := state.Apply(after, batch); err != nil {
				t.Fatal(err)
			}
			if errs := state.Check(after); errs != nil {
				t.Fatalf("after %v: %v", renaming, errs)
			}
			want.Serial = after.Serial
			if diff := statetest.Diff(want, after); diff != "" {
				t.Fatalf("the batch makes another state than Renamed:\n%s", diff)
			}
		}
		after.Serial = before.Serial
		if diff := statetest.Diff(before, after); diff != "" {
			t.Fatalf("there and back with %v (-before +after):\n%s", to, diff)
		}
	})
}

// drawRenaming draws a partial permutation of the recorded addresses of a kind and of some that are free.
func drawRenaming(t *rapid.T, s *state.Snapshot, kind resource.Kind, to state.Renaming) {
	var recorded []resource.Address
	for _, r := range s.Sorted() {
		if r.Address.Kind == kind {
			recorded = append(recorded, r.Address)
		}
	}
	moving := recorded[:rapid.IntRange(0, len(recorded)).Draw(t, "moving")]
	places := slices.Clone(moving)
	for i := range 2 {
		places = append(places, resource.Address{Kind: kind, Name: "free", Key: resource.IndexKey(i)})
	}
	places = rapid.Permutation(places).Draw(t, "places")
	for i, from := range moving {
		to[from] = places[i]
	}
}

func TestRenamed_follows(t *testing.T) {
	s := fleet(t, 2)
	renamed, err := state.Renamed(s, state.Carried(s, address(t, "instance.i0"), address(t, "instance.other")))
	if err != nil {
		t.Fatal(err)
	}
	had, has := s.Records[address(t, "instance.i0")], renamed.Records[address(t, "instance.other")]
	if had.Member != has.Member || had.Role != has.Role || has.Body.(*resource.Instance).Name != "i0" {
		t.Errorf("the machine did not stay: %+v, then %+v", had, has)
	}
	user := renamed.Records[address(t, "user.i0")]
	if got := user.Body.(*resource.User).Instance; got != address(t, "instance.other") {
		t.Errorf("user.i0 lives in %s", got)
	}
	if want := []resource.Address{address(t, "instance.other")}; !slices.Equal(user.DependsOn, want) {
		t.Errorf("user.i0 depends on %v", user.DependsOn)
	}
	if s.Records[address(t, "user.i0")].Body.(*resource.User).Instance != address(t, "instance.i0") {
		t.Error("the original changed")
	}
}

func TestCarried(t *testing.T) {
	s := state.Empty(statetest.Lineage)
	for _, text := range []string{"user.a[0]", `user.a["x"]`, "user.ab", "database.a"} {
		s.Records[address(t, text)] = state.Record{Address: address(t, text)}
	}
	for _, c := range []struct{ from, to, want string }{
		{"user.a", "user.b", `map[user.a[0]:user.b[0] user.a["x"]:user.b["x"]]`},
		{"user.a[0]", "user.b", "map[user.a[0]:user.b]"},
		{"user.ab", "user.c[1]", "map[user.ab:user.c[1]]"},
		{"user.c", "user.b", "map[]"},
	} {
		if got := fmt.Sprint(state.Carried(s, address(t, c.from), address(t, c.to))); got != c.want {
			t.Errorf("%s to %s carries %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestRenamed_refuses(t *testing.T) {
	s := fleet(t, 2)
	member := s.Records[address(t, "instance.i0")].Member
	first, second := statetest.Intent("aaaaaaaaaaaaaaaa", member, "put_user/user.i0"), statetest.Intent("bbbbbbbbbbbbbbbb", member, "put_user/user.gone")
	if err := state.Apply(s, state.Batch{Begin: []state.Intent{first, second}}); err != nil {
		t.Fatal(err)
	}
	for want, to := range map[string]map[string]string{
		"there is no record of user.none":                              {"user.none": "user.b"},
		"user.i0 cannot be called user.i1: another record has":         {"user.i0": "user.i1"},
		"user.i0 and user.i1 cannot both be called user.b":             {"user.i0": "user.b", "user.i1": "user.b"},
		"no user becomes a database":                                   {"user.i0": "database.b"},
		"put_user/user.gone is under way by the intents aaaaaaaaaaaaa": {"user.i0": "user.gone"},
	} {
		renaming := state.Renaming{}
		for from, into := range to {
			renaming[address(t, from)] = address(t, into)
		}
		if _, err := state.RenameBatch(s, renaming); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", to, err, want)
		}
	}
}
