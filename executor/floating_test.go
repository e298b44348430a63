package executor_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// givenIP is the address of the first floating IP that a user allocates, with a mark that is none of ours.
const givenIP = "203.0.113.2"

func (w *world) userIP() providers.FloatingIP {
	w.t.Helper()
	made, err := w.cloud.Cloud().FloatingIPs.Create(context.Background(), providers.FloatingIPSpec{
		Mark: providers.Mark{Lineage: "zzzzzzzz", Member: "mmmmmmmmmmmm", Intent: "iiiiiiiiiiiiiiii"}, NetworkID: w.external("public"),
	})
	must(w.t, err)
	wantText(w.t, made.Address, givenIP)
	return made
}

// external is the id of a network.
func (w *world) external(name string) string {
	w.t.Helper()
	all, err := w.cloud.Cloud().Networks.List(context.Background())
	must(w.t, err)
	return all[slices.IndexFunc(all, func(n providers.Network) bool { return n.Name == name })].ID
}

// floating lists the floating IPs that lead to the instance's port, and those that lead nowhere as "none ADDRESS".
func (w *world) floating() (all []string) {
	w.t.Helper()
	for _, f := range w.cloud.Objects().FloatingIPs {
		switch f.PortID {
		case w.object(orders, state.SlotPort):
			all = append(all, f.Address)
		case "":
			all = append(all, "none "+f.Address)
		}
	}
	return all
}

// openly is a world with an instance that has a floating IP of its own.
func openly(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one", public: true})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	return w
}

func updatePublic(t *testing.T) {
	w, f := built(t)
	f.inst.Access.Public = true
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.floating(), givenIP)
	wantText(t, w.record(orders).Computed["floating_address"], givenIP)
	wantText(t, w.member(orders).FloatingAddress, givenIP)
	f.inst.Access.Public = false
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.floating())
	wantText(t, w.record(orders).Computed["floating_address"], "")
}

func updatePublicNetwork(t *testing.T) {
	w := openly(t)
	w.estate().inst.Access.PublicNetwork = "public"
	w.done(plan.ModeApply, onlyInstance...) // the network that it is of already: recorded
	wantTexts(t, w.floating(), givenIP)
	w.estate().inst.Access.PublicNetwork = "elsewhere"
	w.refuses(plan.ModeApply, `There is no external network "elsewhere"`, "There are: public.")
}

func updateFloatingIP(t *testing.T) {
	w, f := built(t)
	mine := w.userIP()
	f.inst.Access.FloatingIP = givenIP
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.floating(), givenIP)
	wantText(t, w.record(orders).Computed["floating_address"], givenIP)

	f.inst.Access.FloatingIP, f.inst.Access.Public = "", true
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.floating(), "none "+givenIP, "203.0.113.3")
	f.inst.Access.FloatingIP, f.inst.Access.Public = givenIP, false
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.floating(), givenIP)

	w.apply(plan.ModeDestroy)
	if all := w.cloud.Objects().FloatingIPs; len(all) != 1 || all[0].ID != mine.ID || all[0].PortID != "" {
		t.Errorf("after destroy there is %+v, want %s, leading nowhere", all, givenIP)
	}
}

// TestFloating_drift: whatever somebody does to a floating IP is seen and put back, and a stranger's is taken off.
func TestFloating_drift(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		byHand func(w *world, service providers.FloatingIPs)
		want   []string
	}{
		"taken off": {func(w *world, s providers.FloatingIPs) {
			must(w.t, s.Associate(ctx, w.object(orders, state.SlotFloatingIP), ""))
		}, []string{givenIP}},
		"deleted": {func(w *world, s providers.FloatingIPs) {
			must(w.t, s.Delete(ctx, w.object(orders, state.SlotFloatingIP)))
		}, []string{givenIP}},
		"exchanged": {func(w *world, s providers.FloatingIPs) {
			must(w.t, s.Associate(ctx, w.object(orders, state.SlotFloatingIP), ""))
			_, err := s.Create(ctx, providers.FloatingIPSpec{
				Mark: providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}, NetworkID: w.external("public"), PortID: w.object(orders, state.SlotPort),
			})
			must(w.t, err)
		}, []string{givenIP, "none 203.0.113.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := openly(t)
			c.byHand(w, w.cloud.Cloud().FloatingIPs)
			w.done(plan.ModeApply, onlyInstance...)
			wantTexts(t, w.floating(), c.want...)
			wantText(t, w.record(orders).Computed["floating_address"], givenIP)
		})
	}
}

// TestFloating_rebuilt: a port that is made again gets the floating IP that was there, and a new one where that is gone too.
func TestFloating_rebuilt(t *testing.T) {
	for name, slots := range map[string][]state.Slot{
		"port": {state.SlotPort}, "port and floating ip": {state.SlotPort, state.SlotFloatingIP}, "server": {state.SlotServer},
	} {
		t.Run(name, func(t *testing.T) {
			w := openly(t)
			for _, slot := range slots {
				w.gone(slot)
			}
			w.apply(plan.ModeApply)
			w.ended(plan.ModeApply)
			wantTexts(t, w.floating(), givenIP)
		})
	}
}

// TestFloating_inUse: one that leads to somebody else is not taken from them, neither by the plan nor behind its back.
func TestFloating_inUse(t *testing.T) {
	ctx := context.Background()
	w, f := built(t)
	mine := w.userIP()
	port, err := w.cloud.Cloud().Ports.Create(ctx, providers.PortSpec{
		Mark: providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}, Name: "web", NetworkID: w.external("private"),
	})
	must(t, err)
	f.inst.Access.FloatingIP = givenIP
	must(t, w.cloud.Cloud().FloatingIPs.Associate(ctx, mine.ID, port.ID))
	w.refuses(plan.ModeApply, "The floating IP "+givenIP+" is in use", port.ID)

	must(t, w.cloud.Cloud().FloatingIPs.Associate(ctx, mine.ID, ""))
	_, _, err = w.live(0, func(ctx context.Context, now *state.Snapshot) (*plan.Plan, state.Batch, bool, error) {
		p, err := w.look(ctx, now, plan.ModeApply)
		must(t, w.cloud.Cloud().FloatingIPs.Associate(ctx, mine.ID, port.ID))
		return p, state.Batch{}, false, err
	})
	if err == nil || !strings.Contains(err.Error(), "leads to the port "+port.ID) {
		t.Errorf("got %v", err)
	}
	if got, err := w.cloud.Cloud().FloatingIPs.Get(ctx, mine.ID); err != nil || got.PortID != port.ID {
		t.Errorf("got %+v, %v", got, err)
	}
	f.inst.Access = resource.Access{AllowedCIDRs: ten}
	must(t, w.cloud.Cloud().Ports.Delete(ctx, port.ID))
	w.ended(plan.ModeApply)
}
