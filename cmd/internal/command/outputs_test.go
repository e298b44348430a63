package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/planner/plan"
)

func TestOutputChange(t *testing.T) {
	value := func(v any) config.Output { return config.Output{Name: "o", Known: true, Value: v} }
	unknown, secret := config.Output{Name: "o"}, config.Output{Name: "o", Known: true, Value: "hunter2", Sensitive: true}
	for _, c := range []struct {
		name   string
		before []config.Output
		after  config.Output
		active bool
		want   plan.Output
	}{
		{"the same", []config.Output{value("a")}, value("a"), true, plan.Output{Action: "no-op", Before: "a", After: "a", Known: true}},
		{"another", []config.Output{value("a")}, value("b"), false, plan.Output{Action: "update", Before: "a", After: "b", Known: true}},
		{"not known any more", []config.Output{value("a")}, unknown, true, plan.Output{Action: "update", Before: "a"}},
		{"new", nil, value("b"), true, plan.Output{Action: "create", After: "b", Known: true}},
		{"not known yet", nil, unknown, true, plan.Output{Action: "create"}},
		{"never known", nil, unknown, false, plan.Output{Action: "no-op"}},
		{"nothing is done", nil, value("b"), false, plan.Output{Action: "no-op", Before: "b", After: "b", Known: true}},
		{"sensitive", []config.Output{value("a")}, secret, true, plan.Output{Action: "update", Known: true, Sensitive: true}},
		{"no longer sensitive", []config.Output{secret}, value("hunter2"), true, plan.Output{Action: "no-op", Known: true, Sensitive: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := map[string]config.Output{}
			for _, o := range c.before {
				before[o.Name] = o
			}
			c.want.Name = "o"
			if diff := cmp.Diff(c.want, outputChange(c.after, before, c.active)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, active := range []bool{true, false} {
		if o := removedOutput(secret, active); o.Before != nil || o.After != nil {
			t.Errorf("a sensitive value came out: %+v", o)
		}
	}
}
