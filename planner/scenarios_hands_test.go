package planner_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// hands is the shop after somebody changed how the parts of its instance stand together.
func hands(t *testing.T, parts planner.Parts) *world {
	t.Helper()
	w := built(t)
	w.machine("instance.orders").parts = parts
	return w
}

// byHand is what people do to servers, volumes and ports behind our back.
var byHand = []scenario{
	{"hands-stopped", "A server that was stopped is drift, and is started.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Status: "SHUTOFF"})
	}},
	{"hands-shelved-changed", "What was changed besides goes along, planned against the record.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Status: "SHELVED_OFFLOADED"})
		edit(w, "instance.orders", func(i *resource.Instance) { i.Settings = map[string]string{"max_connections": "600"} })
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("shop", "SELECT")} })
		return w
	}},
	{"hands-stopped-refresh", "A refresh tells it and plans nothing.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Status: "PAUSED"})
		w.want, w.opts.Mode = &resource.Set{}, plan.ModeRefresh
		return w
	}},
	{"hands-detached", "A volume that was detached is attached again, which restarts the server.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Detached: true})
	}},
	{"hands-detached-stopped", "Where the server is down already, that interrupts nobody.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Detached: true, Status: "SHUTOFF"})
	}},
	{"hands-readdressed", "The address that a port has now is taken over.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Address: "10.0.0.99"})
	}},
	{"hands-certificate", "A certificate that ends is renewed, also on a locked server.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Certificate: "ends 2027-01-02", Locked: true})
	}},
	{"hands-certificate-refresh", "That is no drift.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Certificate: "missing"})
		w.want, w.opts.Mode = &resource.Set{}, plan.ModeRefresh
		return w
	}},
	{"hands-locked", "A lock alone is no drift, and keeps nobody from what needs no change of the server.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Locked: true})
		edit(w, "instance.orders", func(i *resource.Instance) { i.Name, i.Volume = "renamed", &resource.Volume{Size: 20} })
		return w
	}},
	{"hands-locked-stopped", "A server that was stopped and locked stays so, and the rest is done.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Status: "SHUTOFF", Locked: true})
		other := instance("prod-other")
		w.put("instance.other", other)
		return w
	}},
	{"hands-locked-port-gone", "A locked server whose port is gone is not made again.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Locked: true})
		delete(w.machine("instance.orders").objects, state.SlotPort)
		return w
	}},
	{"refused-locked-metadata", "What the configuration asks of a locked server is refused.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Locked: true})
		edit(w, "instance.orders", func(i *resource.Instance) { i.Metadata = map[string]string{"team": "shop"} })
		return w
	}},
	{"refused-locked-delete", "Nor is a locked server deleted.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Locked: true})
		w.drop("instance.orders", "database.shop", "user.app")
		return w
	}},
	{"refused-locked-rotate", "Nor are its keys replaced.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{Locked: true})
		w.opts.Mode, w.opts.Rotate = plan.ModeRotate, []resource.Address{at("instance.orders")}
		return w
	}},
	{"refused-volume-elsewhere", "A volume that another server has is not taken from it.", func(t *testing.T) *world {
		return hands(t, planner.Parts{Detached: true, HeldBy: `server 4711 ("rescue")`})
	}},
	{"refused-volume-elsewhere-server-gone", "Nor is its server made again without it.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{HeldBy: `server 4711 ("rescue")`})
		delete(w.machine("instance.orders").objects, state.SlotServer)
		return w
	}},
	{"refused-volume-elsewhere-destroy", "Nor is it destroyed under that server.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{HeldBy: `server 4711 ("rescue")`})
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"refused-volume-error", "A volume that cannot be attached is told; nothing is made in its place.", func(t *testing.T) *world {
		w := hands(t, planner.Parts{NotAttachable: "is error"})
		delete(w.machine("instance.orders").objects, state.SlotServer)
		return w
	}},
}
