package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

func fleet(t testing.TB, n int) *state.Snapshot {
	t.Helper()
	s := state.Empty(statetest.Lineage)
	if err := state.Apply(s, statetest.Fleet(statetest.IDs(1), "i", n)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIDs(t *testing.T) {
	ids, again, real := statetest.IDs(5), statetest.IDs(5), state.NewIDs(nil)
	forms := map[int]*regexp.Regexp{}
	for _, n := range []int{12, 16, 26} {
		forms[n] = regexp.MustCompile(fmt.Sprintf("^[a-z2-7]{%d}$", n))
	}
	seen := map[string]bool{}
	for range 100 {
		lineage, member, role, intent := ids.Lineage(), ids.Member(), ids.Role(), ids.Intent()
		if again.Lineage() != lineage || again.Member() != member || again.Role() != role || again.Intent() != intent {
			t.Fatal("the same source gives other ids")
		}
		for _, id := range []string{string(member), string(role), string(intent), lineage, string(real.Member())} {
			if !forms[len(id)].MatchString(id) || seen[id] {
				t.Fatalf("%q is malformed or came twice", id)
			}
			seen[id] = true
		}
	}
}

func TestEncodeAndDecode(t *testing.T) {
	s := fleet(t, 3)
	member := slices.Sorted(maps.Keys(s.Members))[0]
	err := state.Apply(s, state.Batch{
		Cloud: &state.CloudID{Region: "R1"}, KeyCheck: "k", BeginRun: &state.Run{PlanDigest: "p"},
		Begin: []state.Intent{statetest.Intent(statetest.IDs(2).Intent(), member, "put_user/user.app")},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := state.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := state.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := statetest.Diff(s, back); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if again, err := state.Encode(s.Clone()); err != nil || !bytes.Equal(data, again) {
		t.Errorf("the clone encodes differently (%v)", err)
	}
	if errs := state.Check(back); errs != nil {
		t.Errorf("check: %v", errs)
	}
	if in, open := back.OpenByPlace()[state.Place{Member: member, Slot: "put_user/user.app"}]; !open || in.Digest != "d" {
		t.Errorf("by place: %+v, %t", in, open)
	}
}

func TestDecodeRefuses(t *testing.T) {
	s := fleet(t, 1)
	member := string(slices.Sorted(maps.Keys(s.Members))[0])
	good, err := state.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		want     error
	}{
		"newer":             {`"format": 1`, `"format": 2`, state.ErrNewer},
		"no format":         {`"format": 1`, `"format": 0`, state.ErrCorrupt},
		"no lineage":        {statetest.Lineage, "", state.ErrCorrupt},
		"unknown field":     {`"serial": 1`, `"serial": 1, "colour": "red"`, state.ErrCorrupt},
		"unknown in a body": {`"flavor":`, `"flavour":`, state.ErrCorrupt},
		"more after it":     {"\n}\n", "\n}\n{}", state.ErrCorrupt},
		"cut":               {"\n}\n", "", state.ErrCorrupt},
		"wrong key":         {`"` + member + `": {`, `"aaaaaaaaaaaa": {`, state.ErrCorrupt},
		"wrong address":     {`"instance.i0": {`, `"instance.other": {`, state.ErrCorrupt},
		"bad address":       {`"instance.i0": {`, `"apple.i0": {`, state.ErrCorrupt},
	} {
		bad := strings.Replace(string(good), c.old, c.new, 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing to replace", name)
		}
		if _, err := state.Decode([]byte(bad)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestCheckFinds(t *testing.T) {
	if errs := state.Check(fleet(t, 3)); errs != nil {
		t.Fatalf("a sound state: %v", errs)
	}
	ids := statetest.IDs(8)
	at := func(kind resource.Kind) resource.Address { return resource.Address{Kind: kind, Name: "i0"} }
	record := func(s *state.Snapshot, kind resource.Kind, change func(*state.Record)) {
		r := s.Records[at(kind)]
		change(&r)
		s.Records[at(kind)] = r
	}
	for want, spoil := range map[string]func(*state.Snapshot){
		"the format is 7":            func(s *state.Snapshot) { s.Format = 7 },
		`the lineage "x"`:            func(s *state.Snapshot) { s.Lineage = "x" },
		`the id of member "M"`:       func(s *state.Snapshot) { s.Members["M"] = state.Member{ID: "M"} },
		"stands under":               func(s *state.Snapshot) { s.Members[ids.Member()] = state.Member{ID: ids.Member()} },
		`there is no status "fine"`:  func(s *state.Snapshot) { record(s, "user", func(r *state.Record) { r.Status = "fine" }) },
		"has no body":                func(s *state.Snapshot) { record(s, "user", func(r *state.Record) { r.Body = nil }) },
		"there is no role":           func(s *state.Snapshot) { record(s, "user", func(r *state.Record) { r.Role = ids.Role() }) },
		"there is no member":         func(s *state.Snapshot) { record(s, "instance", func(r *state.Record) { r.Member = ids.Member() }) },
		"is ready but has no member": func(s *state.Snapshot) { record(s, "instance", func(r *state.Record) { r.Member = "" }) },
		"is the machine of": func(s *state.Snapshot) {
			record(s, "instance", func(r *state.Record) { r.Member = s.Records[resource.Address{Kind: "instance", Name: "i1"}].Member })
		},
		"lives on instance.i0": func(s *state.Snapshot) { delete(s.Records, at("instance")) },
		"was released": func(s *state.Snapshot) {
			m := s.Members[s.Records[at("instance")].Member]
			m.Released = true
			s.Members[m.ID] = m
		},
		"there is no shared security group": func(s *state.Snapshot) {
			m := s.Members[slices.Sorted(maps.Keys(s.Members))[0]]
			m.Groups = []state.MemberID{ids.Member()}
			s.Members[m.ID] = m
		},
		"no member uses the shared": func(s *state.Snapshot) { group(s, ids, "k") },
		"have the same key":         func(s *state.Snapshot) { group(s, ids, "k"); group(s, ids, "k") },
		"has a server":              func(s *state.Snapshot) { group(s, ids, "k").Objects[state.SlotServer] = state.Object{ID: "x"} },
		"belongs to member":         func(s *state.Snapshot) { shareObject(s) },
		"has two open intents":      func(s *state.Snapshot) { open(s, ids, "server"); open(s, ids, "server") },
		"there is no operation":     func(s *state.Snapshot) { in := open(s, ids, "x"); in.Operation = ""; s.Intents[in.ID] = in },
		"there is no direction":     func(s *state.Snapshot) { in := open(s, ids, "x"); in.Direction = ""; s.Intents[in.ID] = in },
		"has no slot":               func(s *state.Snapshot) { open(s, ids, "") },
		"role " + string(statetest.IDs(8).Role()): func(s *state.Snapshot) {
			role := statetest.IDs(8).Role()
			s.Roles[role] = state.Role{ID: role, Member: "gone"}
		},
	} {
		s := fleet(t, 3)
		spoil(s)
		errs := state.Check(s)
		if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), want) }) {
			t.Errorf("check found %v, want %q", errs, want)
		}
	}
	s := fleet(t, 1) // what failed may outlive what it rested on
	delete(s.Records, resource.Address{Kind: "datastore", Name: "mariadb"})
	record(s, "user", func(r *state.Record) {
		r.Status, r.DependsOn = state.Failed, []resource.Address{{Kind: "datastore", Name: "gone"}}
	})
	if errs := state.Check(s); errs != nil {
		t.Errorf("a failed record: %v", errs)
	}
}

func group(s *state.Snapshot, ids *state.IDs, key string) state.Member {
	m := state.Member{ID: ids.Member(), Key: key, Objects: map[state.Slot]state.Object{}}
	s.Members[m.ID] = m
	return m
}

func shareObject(s *state.Snapshot) {
	members := slices.Sorted(maps.Keys(s.Members))
	s.Members[members[0]].Objects[state.SlotServer] = s.Members[members[1]].Objects[state.SlotServer]
}

func open(s *state.Snapshot, ids *state.IDs, slot string) state.Intent {
	in := statetest.Intent(ids.Intent(), slices.Sorted(maps.Keys(s.Members))[0], slot)
	s.Intents[in.ID] = in
	return in
}

// From a sound state every batch either is refused and changes nothing, or leads to a state that is sound, that the rows
// it wrote lead to as well, and that Undo leads back from.
func TestBatchesKeepAStateSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, ids: statetest.IDs(4)}
		ledger := state.NewLedger(state.Empty(statetest.Lineage))
		kept := map[state.Table]map[string][]byte{}
		keep(kept, state.EmptyRows(statetest.Lineage))
		for range rapid.IntRange(1, 25).Draw(t, "batches") {
			before := ledger.Snapshot()
			applied, err := ledger.Apply(w.batch(before))
			if err == nil && rapid.IntRange(0, 4).Draw(t, "undo") == 0 {
				applied.Undo()
				err = errors.New("undone")
			}
			after := ledger.Snapshot()
			if err != nil {
				if diff := statetest.Diff(before, after); diff != "" {
					t.Fatalf("%v, but changed (-before +after):\n%s", err, diff)
				}
				continue
			}
			keep(kept, applied.Rows)
			if errs := state.Check(after); errs != nil || after.Serial != before.Serial+1 {
				t.Fatalf("serial %d after %d: %v", after.Serial, before.Serial, errs)
			}
			back, err := state.Assemble(list(kept))
			if err != nil {
				t.Fatalf("assembling: %v", err)
			}
			if diff := statetest.Diff(after, back); diff != "" {
				t.Fatalf("the rows give another state (-ledger +rows):\n%s", diff)
			}
		}
	})
}

func keep(kept map[state.Table]map[string][]byte, rows []state.Row) {
	for _, row := range rows {
		if kept[row.Table] == nil {
			kept[row.Table] = map[string][]byte{}
		}
		if row.Value == nil {
			delete(kept[row.Table], row.Key)
		} else {
			kept[row.Table][row.Key] = row.Value
		}
	}
}

func list(kept map[state.Table]map[string][]byte) (rows []state.Row) {
	for _, table := range state.Tables {
		for key, value := range kept[table] {
			rows = append(rows, state.Row{Table: table, Key: key, Value: value})
		}
	}
	return rows
}

// FuzzRecord: what decodes is written in a form that decodes to the same and is written the same.
func FuzzRecord(f *testing.F) {
	for _, r := range fleet(f, 1).Sorted() {
		data, err := r.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"address":"config_group.a[0]","body":{"datastore":"","manager":"m","version":"1","values":null},"status":"failed"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := state.DecodeRecord(data)
		if err != nil {
			return
		}
		canonical, err := first.MarshalJSON()
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		second, err := state.DecodeRecord(canonical)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v\n%s", err, canonical)
		}
		again, err := second.MarshalJSON()
		if err != nil || !bytes.Equal(canonical, again) {
			t.Fatalf("%v\n%s\n%s", err, canonical, again)
		}
	})
}

// FuzzSnapshot: untrusted bytes give a state or an error, and Check survives whatever was decoded.
func FuzzSnapshot(f *testing.F) {
	data, err := state.Encode(fleet(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := state.Decode(data)
		if err != nil {
			return
		}
		_ = state.Check(s)
		if _, err := state.Encode(s.Clone()); err != nil {
			t.Fatal(err)
		}
	})
}
