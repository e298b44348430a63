package view

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

var orders = resource.Address{Kind: resource.KindInstance, Name: "orders"}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	create, update := plan.Step{Action: plan.Create, Address: orders}, plan.Step{Action: plan.Update, Address: orders}
	orphan := plan.Step{Action: plan.DeleteOrphan, Orphan: &plan.Object{Service: "security_group", ID: "7", Name: "x"}}
	all := []executor.Event{
		executor.Started{Step: create},
		executor.Progress{Step: create, Text: "Still creating... [10s elapsed]"},
		executor.Done{Step: create, Took: 63400 * time.Millisecond, Notes: []string{"adopted server 1f of an earlier run"}},
		executor.Started{Step: update},
		executor.Failure{Step: update, Took: 400 * time.Millisecond, Err: errors.New("the cloud said no\nand why")},
		executor.Skipped{Step: orphan, Because: "update instance.orders"},
		executor.Skipped{Step: create, Because: "interrupted"},
		executor.Done{Step: orphan},
	}
	got := text(false, 80, func(h *Human) {
		for _, e := range all {
			h.Event(e)
		}
	})
	equal(t, got, `instance.orders: Creating...
instance.orders: Still creating... [10s elapsed]
instance.orders: Creation complete after 1m3s
instance.orders: adopted server 1f of an earlier run
instance.orders: Modifying...
instance.orders: Modifications failed after 0s: the cloud said no\nand why
security group 7 (x): Not begun: it needs `+"`update instance.orders`"+`
instance.orders: Not begun: the apply was interrupted
security group 7 (x): Destruction complete after 0s
`)
	line, err := EventJSON(all[4], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(line), `{"@level":"error","@message":"instance.orders: Modifications failed after 0s: the cloud said no\\nand why","@module":"trovectl.ui",`+
		`"@timestamp":"2026-01-02T03:04:05Z","hook":{"action":"update","elapsed_seconds":0,"error":"the cloud said no\nand why",`+
		`"resource":{"addr":"instance.orders","implied_provider":"trovectl","module":"","resource":"instance.orders","resource_key":null,`+
		`"resource_name":"orders","resource_type":"instance"}},"type":"apply_errored"}`+"\n")
}

func TestAppliedAndOutputs(t *testing.T) {
	outputs := []Output{
		{Name: "z", Value: "a\x1b"}, {Name: "list", Value: []any{"x", 1.0}}, {Name: "m", Value: map[string]any{"k": nil, "long key": []any{}}},
		{Name: "s", Value: "hunter2", Sensitive: true},
	}
	got := text(false, 80, func(h *Human) {
		h.Applied(plan.ModeApply, executor.Result{Added: 3, Changed: 1}, outputs)
		h.Applied(plan.ModeDestroy, executor.Result{Destroyed: 5}, nil)
		h.Incomplete(executor.Result{Added: 1, Failed: 1, Skipped: 2})
	})
	equal(t, got, `
Apply complete! Resources: 3 added, 1 changed, 0 destroyed.

Outputs:

list = [
  "x",
  1,
]
m = {
  k          = null
  "long key" = []
}
s = (sensitive value)
z = "a\u001b"

Destroy complete! Resources: 5 destroyed.

Apply incomplete. Resources: 1 added, 0 changed, 0 destroyed, 1 failed, 2 not begun.
`)
	for _, with := range []bool{false, true} {
		data, err := OutputsJSON(outputs, with)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "hunter2") != with {
			t.Errorf("asked for sensitive values: %v, and got %s", with, data)
		}
	}
}

func TestRecordsAndStatus(t *testing.T) {
	snapshot := state.Empty("abcdefghabcdefghabcdefghab")
	snapshot.Members["m1"] = state.Member{
		ID: "m1", Objects: map[state.Slot]state.Object{state.SlotServer: {ID: "s-1"}}, Generation: 2, MayHoldData: true, Address: "10.0.0.5", SSHPort: 2222,
	}
	record := state.Record{
		Address: orders, Status: state.Failed, Fault: "no valid host\x1b", Protect: true, Member: "m1", Role: "r1",
		Computed: map[string]string{"address": "10.0.0.5", "port": "3306", "running_version": "10.11.6"},
		Body: &resource.Instance{
			Name: "orders", Datastore: resource.Address{Kind: resource.KindDatastore, Name: "mariadb"}, Version: "10.11", Flavor: "db.small",
			Network: "private", Volume: &resource.Volume{Size: 2}, Metadata: map[string]string{"a": "b"},
		},
		DependsOn: []resource.Address{{Kind: resource.KindDatastore, Name: "mariadb"}},
	}
	snapshot.Records[orders] = record
	equal(t, text(false, 80, func(h *Human) { h.Record(snapshot, record) }), `# instance.orders (failed)
# fault: no valid host\u001b
instance "orders" {
  datastore = datastore.mariadb
  flavor    = "db.small"
  name      = "orders"
  network   = "private"
  version   = "10.11"

  computed {
    address         = "10.0.0.5"
    port            = "3306"
    running_version = "10.11.6"
  }

  lifecycle {
    protect = true
  }

  member {
    address       = "10.0.0.5"
    generation    = 2
    id            = "m1"
    may_hold_data = true
    role          = "r1"
    server        = "s-1"
    ssh_port      = 2222
  }

  metadata = {
    a = "b"
  }

  volume {
    size = 2
  }
  # rests on: datastore.mariadb
}

`)
	ready := record
	ready.Status, ready.Fault = state.Ready, ""
	rows := []StatusRow{
		{Address: orders, Record: ready, Subject: Seen{Presence: "present", Computed: map[string]string{"status": "ACTIVE", "address": "10.0.0.5", "port": "3306"}}},
		{Address: orders, Record: record, Subject: Seen{Presence: "unknown", Why: "no answer"}},
		{Address: orders, Record: ready, Subject: Seen{Presence: "absent"}},
		{Address: orders, Record: record, Subject: Seen{Presence: "present", Conditions: []string{"restart pending"}}},
	}
	equal(t, text(false, 80, func(h *Human) { h.Status(rows) }), `INSTANCE         STATUS   VERSION  ADDRESS        REMARKS
instance.orders  ACTIVE   -        10.0.0.5:3306
instance.orders  unknown  10.11.6  10.0.0.5:3306  no valid host\u001b; no answer
instance.orders  gone     10.11.6  10.0.0.5:3306
instance.orders  failed   10.11.6  10.0.0.5:3306  no valid host\u001b; restart pending
`)
	for _, made := range [][2]any{pair(StatusJSON(rows)), pair(StateJSON(snapshot, []Output{{Name: "s", Value: "hunter2", Sensitive: true}, {Name: "n", Value: 1.0}}, nil)), pair(RecordJSON(snapshot, record))} {
		if made[1] != nil {
			t.Fatal(made[1])
		}
		checkJSON(t, made[0].([]byte))
		if strings.Contains(string(made[0].([]byte)), "hunter2") {
			t.Errorf("a sensitive output came out: %s", made[0])
		}
	}
}

func pair(data []byte, err error) [2]any {
	if err != nil {
		return [2]any{data, err}
	}
	return [2]any{data, nil}
}

func TestDiff(t *testing.T) {
	before := "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n"
	after := "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\n"
	equal(t, text(false, 80, func(h *Human) { h.Diff(before, after) }), `@@ -1,5 +1,5 @@
 a
-b
+B
 c
 d
 e
@@ -10,3 +10,4 @@
 j
 k
 l
+m
`)
	equal(t, text(false, 80, func(h *Human) { h.Diff(before, before) }), "")
}

func TestNoteAndStateList(t *testing.T) {
	equal(t, text(false, 80, func(h *Human) {
		h.Note("one\x1b\ntwo\n")
		h.StateList([]resource.Address{orders})
	}), "one\\u001b\ntwo\ninstance.orders\n")
}

func TestBecause(t *testing.T) {
	at := func(key resource.Key) resource.Address {
		return resource.Address{Kind: resource.KindDatabase, Name: "db", Key: key}
	}
	for _, c := range []struct {
		step plan.Step
		want string
	}{
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonNew}}, ""},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonChanged}}, ""},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonDestroy}}, ""},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonNoBlock, Text: "because I say so"}}, "because I say so"},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonNoBlock, Text: "I say so"}}, "because I say so"},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonFailed, Text: "no valid host"}}, "tries again what an earlier run failed to do: no valid host"},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonDrift}}, "puts back what somebody else changed"},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonFailed}}, "tries again what an earlier run failed to do"},
		{plan.Step{Reason: plan.Reason{Code: plan.ReasonMissing}}, "it is recorded, and gone"},
		{plan.Step{Action: plan.Delete, Reason: plan.Reason{Code: plan.ReasonInterrupted}}, "resumes an interrupted delete"},
		{plan.Step{Address: at(resource.NoKey), Reason: plan.Reason{Code: plan.ReasonNoBlock}}, "because database.db is not in configuration"},
		{plan.Step{Address: at(resource.TextKey("a")), Reason: plan.Reason{Code: plan.ReasonNoKey}}, `because key ["a"] is not in for_each map`},
		{plan.Step{Address: at(resource.IndexKey(3)), Reason: plan.Reason{Code: plan.ReasonNoIndex}}, "because index [3] is out of range for count"},
		{plan.Step{Address: at(resource.IndexKey(3)), Reason: plan.Reason{Code: plan.ReasonRepetition}}, "because the block does not use count any more"},
		{plan.Step{Address: at(resource.TextKey("a")), Reason: plan.Reason{Code: plan.ReasonRepetition}}, "because the block does not use for_each any more"},
		{plan.Step{Address: at(resource.NoKey), Reason: plan.Reason{Code: plan.ReasonRepetition}}, "because the block uses count or for_each now"},
	} {
		if got := because(c.step); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.step.Reason.Code, c.step.Address, got, c.want)
		}
	}
}

// TestReplacementIsOneChange: two steps of one address are one entry with both actions, as policy engines expect.
func TestReplacementIsOneChange(t *testing.T) {
	body := func(name string) plan.Body { return plan.Body{Body: &resource.Instance{Name: name}} }
	for _, steps := range [][]plan.Step{
		{{Action: plan.Delete, Address: orders, Before: body("a")}, {Action: plan.Create, Address: orders, After: body("b")}},
		{{Action: plan.Create, Address: orders, After: body("b")}, {Action: plan.Delete, Address: orders, Before: body("a")}},
	} {
		got := changesOf(&plan.Plan{Steps: steps})
		want := []string{string(steps[0].Action), string(steps[1].Action)}
		if len(got) != 1 || !cmp.Equal(got[0].Change.Actions, want) {
			t.Fatalf("want one change that does %v, got %+v", want, got)
		}
		before, _ := got[0].Change.Before.(map[string]any)
		after, _ := got[0].Change.After.(map[string]any)
		if before["name"] != "a" || after["name"] != "b" {
			t.Errorf("before %v, after %v", before, after)
		}
	}
}

func TestPlaces(t *testing.T) {
	for path, want := range map[string]spot{
		"flavor":                 {name: "flavor", keys: []string{"flavor"}},
		"volume.size":            {block: "volume", name: "size", keys: []string{"volume", "size"}},
		`grant["a\".b"]`:         {block: `grant "a\".b"`, name: "privileges", keys: []string{"grant", `a".b`, "privileges"}},
		`grant["a.b"].grantable`: {block: `grant "a.b"`, name: "grantable", keys: []string{"grant", "a.b", "grantable"}},
		`grant["a"].schema["s\"."].table["]t["].grantable`: {
			block: `grant "a" schema "s\"." table "]t["`, name: "grantable", keys: []string{"grant", "a", "schema", `s".`, "table", "]t[", "grantable"},
		},
		`version["10.11"].image`:  {block: `version "10.11"`, name: "image", keys: []string{"version", "10.11", "image"}},
		`metadata.a["x"].b`:       {block: "metadata", isMap: true, name: `"a[\"x\"].b"`, keys: []string{"metadata", `a["x"].b`}},
		"config_group.values.a.b": {block: "config_group.values", isMap: true, name: `"a.b"`, keys: []string{"settings", "a.b"}},
		"values.max_connections":  {block: "values", isMap: true, name: "max_connections", keys: []string{"values", "max_connections"}},
		`grant["unclosed`:         {name: `"grant[\"unclosed"`, keys: []string{`grant["unclosed`}},
		"":                        {name: `""`, keys: []string{""}},
	} {
		if diff := cmp.Diff(want, place(path), cmp.AllowUnexported(spot{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// A guest that is away is told once, with what is in it.
func TestUnknownIsToldWithItsInstance(t *testing.T) {
	shop, other := resource.Address{Kind: resource.KindDatabase, Name: "shop"}, resource.Address{Kind: resource.KindDatabase, Name: "other"}
	p := &plan.Plan{Unknown: []plan.Unknown{
		{Address: shop, Why: "no answer", In: orders}, {Address: other, Why: "its engine is down", In: orders}, {Address: orders, Why: "no answer"},
	}}
	equal(t, text(false, 80, func(h *Human) {
		out := h.page()
		unknowns(out, p)
		h.write(h.Out, out)
	}), `
Could not be looked at, so nothing is planned from it:
  ? database.other: its engine is down
  ? instance.orders, with 1 resource in it: no answer
`)
}
