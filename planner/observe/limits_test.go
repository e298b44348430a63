package observe_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers/memory"
)

// TestLook_limits: the limits are asked for where more is wanted than there is, each service once; what does not answer is
// not known.
func TestLook_limits(t *testing.T) {
	wider := func(i *resource.Instance) { i.Access.AllowedCIDRs = []string{"10.20.0.0/16", "192.0.2.0/24"} }
	for name, c := range map[string]struct {
		want  func(*resource.Instance)
		asked int
	}{
		"nothing more":    {func(*resource.Instance) {}, 0},
		"another setting": {func(i *resource.Instance) { i.Settings = nil }, 0},
		"a larger volume": {func(i *resource.Instance) { i.Volume = &resource.Volume{Size: 20} }, 3},
		"wider access":    {wider, 3},
		"a new instance":  {nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			body := *w.build("orders")
			where := orders
			if c.want == nil {
				where = at("instance.other")
			} else {
				c.want(&body)
			}
			w.cloud.SetQuota(memory.Quota{Servers: 7})
			w.cloud.Deny("list volume limits")
			desired := &resource.Set{Resources: map[resource.Address]*resource.Resource{where: {Address: where, Body: &body}}}
			seen := must[planner.Observation](t)(observe.Look(context.Background(), w.look, w.prior, desired))
			asked := 0
			for call, n := range w.cloud.Calls() {
				if strings.HasSuffix(call, "limits") {
					asked += n
				}
			}
			limit, known := seen.Limits[planner.Limited{Resource: "servers"}]
			if asked != c.asked || known != (c.asked > 0) || known && limit != (planner.Limit{Max: 7, Used: 1}) {
				t.Errorf("asked %d times: %+v", asked, seen.Limits)
			}
			if _, known := seen.Limits[planner.Limited{Resource: "volumes"}]; known {
				t.Error("limits that were not told are known")
			}
		})
	}
}
