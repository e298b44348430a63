package observe_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// public gives the orders instance a floating IP of its own.
func (w *world) public() providers.FloatingIP {
	w.t.Helper()
	body := w.build("orders")
	member := w.prior.Members[w.member("orders")]
	f := w.floating(providers.Mark{Lineage: lineage[:8], Member: string(member.ID), Intent: "intfloatingip"}, member.Objects[state.SlotPort].ID)
	member.Objects[state.SlotFloatingIP], member.FloatingAddress = state.Object{ID: f.ID, Intent: "intfloatingip"}, f.Address
	w.prior.Members[member.ID] = member
	body.Access.Public = true
	return f
}

func (w *world) floating(mark providers.Mark, port string) providers.FloatingIP {
	w.t.Helper()
	networks := must[[]providers.Network](w.t)(w.cloud.Cloud().Networks.List(context.Background()))
	return must[providers.FloatingIP](w.t)(w.cloud.Cloud().FloatingIPs.Create(context.Background(), providers.FloatingIPSpec{
		Mark: mark, NetworkID: networks[1].ID, PortID: port,
	}))
}

var stranger = providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}

// TestLook_floating: where an instance's floating IP leads is seen, whosever it is.
func TestLook_floating(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		change func(w *world, s providers.FloatingIPs)
		want   []string
	}{
		"as it was": {func(*world, providers.FloatingIPs) {}, nil},
		"taken off": {func(w *world, s providers.FloatingIPs) { w.no(s.Associate(ctx, w.object(state.SlotFloatingIP), "")) }, []string{"instance.orders access.public: true -> <nil>"}},
		"deleted":   {func(w *world, s providers.FloatingIPs) { w.no(s.Delete(ctx, w.object(state.SlotFloatingIP))) }, []string{"instance.orders access.public: true -> <nil>"}},
		"a second":  {func(w *world, _ providers.FloatingIPs) { w.floating(stranger, "") }, nil},
		"its port": {func(w *world, _ providers.FloatingIPs) {
			w.no(w.cloud.Cloud().Ports.Delete(ctx, w.object(state.SlotPort)))
		}, []string{"instance.orders missing port"}},
		"both": {func(w *world, s providers.FloatingIPs) {
			w.no(w.cloud.Cloud().Ports.Delete(ctx, w.object(state.SlotPort)))
			w.no(s.Delete(ctx, w.object(state.SlotFloatingIP)))
		}, []string{"instance.orders missing port", "instance.orders missing floating_ip"}},
		"a stranger": {func(w *world, s providers.FloatingIPs) {
			w.no(s.Associate(ctx, w.object(state.SlotFloatingIP), ""))
			w.floating(stranger, w.object(state.SlotPort))
		}, []string{"instance.orders access.floating_ip: <nil> -> 203.0.113.3", "instance.orders access.public: true -> <nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f := w.public()
			c.change(w, w.cloud.Cloud().FloatingIPs)
			expect(t, w.drift(), c.want...)
			if got := w.seen().Seen[orders].Computed["floating_address"]; got != f.Address {
				t.Errorf("its floating address is %q, want %q", got, f.Address)
			}
		})
	}
}

// TestLook_floatingUnlisted: where they cannot be listed, only what has one is not known.
func TestLook_floatingUnlisted(t *testing.T) {
	w := newWorld(t)
	w.public()
	w.build("shop")
	cloud := *w.cloud.Cloud()
	cloud.FloatingIPs = refusingFloatingIPs{cloud.FloatingIPs}
	w.look.Cloud = &cloud
	seen := must[planner.Observation](t)(observe.Look(context.Background(), w.look, w.prior, &resource.Set{}))
	if s := seen.Seen[orders]; s.Presence != planner.Unknown || s.Why == "" {
		t.Errorf("orders is %s (%s)", s.Presence, s.Why)
	}
	if s := seen.Seen[at("instance.shop")]; s.Presence != planner.Present || seen.Choices.FloatingIPs != nil {
		t.Errorf("shop is %s (%s), and floating IPs are %v", s.Presence, s.Why, seen.Choices.FloatingIPs)
	}
	if _, err := observe.Machines(context.Background(), &cloud); err == nil {
		t.Error("the marks of a cloud that does not list them are complete")
	}
}

type refusingFloatingIPs struct{ providers.FloatingIPs }

func (refusingFloatingIPs) List(context.Context) ([]providers.FloatingIP, error) {
	return nil, &providers.Error{Kind: providers.KindDenied, Call: "list floating ips", Status: 401, Err: errors.New("access rules")}
}

// TestMachinesFloating: whose a floating IP is, is told by its mark; a stranger's is found by where it leads.
func TestMachinesFloating(t *testing.T) {
	w := newWorld(t)
	f := w.public()
	m := w.machines()[w.member("orders")]
	if diff := cmp.Diff(w.prior.Members[m.Member.ID].Objects, m.Member.Objects); diff != "" || m.Member.FloatingAddress != f.Address || m.FloatingIP != "" {
		t.Errorf("%+v (-want +got):\n%s", m, diff)
	}
	ctx, service := context.Background(), w.cloud.Cloud().FloatingIPs
	w.no(service.Delete(ctx, f.ID))
	theirs := w.floating(stranger, w.object(state.SlotPort))
	m = w.machines()[w.member("orders")]
	if _, own := m.Member.Objects[state.SlotFloatingIP]; own || m.FloatingIP != theirs.Address || m.Member.FloatingAddress != theirs.Address {
		t.Errorf("%+v", m)
	}
}
