package planner_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
)

// apart asks for another locality of the shop's instance.
func apart(w *world) *world {
	edit(w, "instance.orders", func(i *resource.Instance) { i.Locality = "anti-affinity" })
	return w
}

var localities = []scenario{
	{"locality-create", "A new instance of a locality needs room for a server group.", func(*testing.T) *world {
		w := apart(shop())
		w.real.limits = map[planner.Limited]planner.Limit{{Resource: "server_groups"}: {Max: 10, Used: 9}}
		return w
	}},
	{"refused-locality-headroom", "Without that room nothing is begun.", func(*testing.T) *world {
		w := apart(shop())
		w.real.limits = map[planner.Limited]planner.Limit{{Resource: "server_groups"}: {Max: 10, Used: 10}}
		return w
	}},
	{"refused-locality-changed", "A machine that is there is not moved for it.", func(t *testing.T) *world { return apart(built(t)) }},
}
