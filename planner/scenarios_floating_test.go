package planner_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/state"
)

// public is the shop in a cloud with external networks, whose instance has (or gets) a floating IP.
func public(w *world, access resource.Access, networks ...string) *world {
	for _, name := range networks {
		w.real.choices.Networks = append(w.real.choices.Networks, planner.Network{Choice: planner.Choice{ID: "id-" + name, Name: name}, External: true})
	}
	edit(w, "instance.orders", func(i *resource.Instance) {
		access.AllowedCIDRs = i.Access.AllowedCIDRs
		i.Access = access
	})
	return w
}

// given puts a floating IP of the user's into the cloud.
func (w *world) given(address, port string) *world {
	w.real.choices.FloatingIPs = append(w.real.choices.FloatingIPs, planner.FloatingIP{
		Choice: planner.Choice{ID: "fip-1", Name: address}, NetworkID: "id-public", PortID: port,
	})
	return w
}

var floatings = []scenario{
	{"floating-create", "A public instance takes an address of the only external network.", func(*testing.T) *world {
		return public(shop(), resource.Access{Public: true}, "public")
	}},
	{"floating-update", "It comes in place, and needs room.", func(t *testing.T) *world {
		w := public(built(t), resource.Access{Public: true}, "public")
		w.real.limits = map[planner.Limited]planner.Limit{{Resource: "floating_ips"}: {Max: 5, Used: 4}}
		return w
	}},
	{"floating-given", "So does one that the user has, in place of its own.", func(t *testing.T) *world {
		w := public(shop(), resource.Access{Public: true}, "public")
		w.apply(t)
		return public(w, resource.Access{FloatingIP: "203.0.113.9"}).given("203.0.113.9", "")
	}},
	{"floating-named", "Of several external networks one is named.", func(*testing.T) *world {
		return public(shop(), resource.Access{Public: true, PublicNetwork: "dmz"}, "public", "dmz")
	}},
	{"floating-removed", "Without the argument it goes.", func(t *testing.T) *world {
		w := public(shop(), resource.Access{Public: true}, "public")
		w.apply(t)
		return public(w, resource.Access{})
	}},
	{"floating-drift", "One that leads elsewhere now is put back.", func(t *testing.T) *world {
		w := public(shop(), resource.Access{Public: true}, "public")
		w.apply(t)
		w.machine("instance.orders").body.Access.Public = false
		return w
	}},
	{"floating-with-port", "With a port that is made again it is found missing too.", func(t *testing.T) *world {
		w := public(shop(), resource.Access{Public: true}, "public")
		w.apply(t)
		delete(w.machine("instance.orders").objects, state.SlotPort)
		delete(w.machine("instance.orders").objects, state.SlotFloatingIP)
		return w
	}},
	{"refused-no-external-network", "A cloud without an external network has no floating IPs.", func(*testing.T) *world {
		return public(shop(), resource.Access{Public: true})
	}},
	{"refused-external-networks", "Of several, one has to be named.", func(*testing.T) *world {
		return public(shop(), resource.Access{Public: true}, "public", "dmz")
	}},
	{"refused-external-name", "A network that is not external is none of them.", func(*testing.T) *world {
		return public(shop(), resource.Access{Public: true, PublicNetwork: "private"}, "public", "dmz")
	}},
	{"refused-floating-gone", "One that the project does not have is refused.", func(*testing.T) *world {
		return public(shop(), resource.Access{FloatingIP: "203.0.113.8"}, "public").given("203.0.113.9", "")
	}},
	{"refused-floating-in-use", "One that leads to somebody else is not taken from them.", func(t *testing.T) *world {
		return public(built(t), resource.Access{FloatingIP: "203.0.113.9"}, "public").given("203.0.113.9", "port-of-web")
	}},
	{"refused-floating-headroom", "Without room for another one nothing is begun.", func(t *testing.T) *world {
		w := public(built(t), resource.Access{Public: true}, "public")
		w.real.limits = map[planner.Limited]planner.Limit{{Resource: "floating_ips"}: {Max: 5, Used: 5}}
		return w
	}},
}
