package executor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// managed is a world with an instance whose agent is reached in the management network.
func managed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one", managed: true})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	return w
}

// behind gives the port of a slot with what its groups let in, as "3306 10.0.0.0/8".
func (w *world) behind(slot state.Slot) (port providers.Port, open []string) {
	w.t.Helper()
	ctx, cloud := context.Background(), w.cloud.Cloud()
	port, err := cloud.Ports.Get(ctx, w.object(orders, slot))
	must(w.t, err)
	for _, id := range port.SecurityGroups {
		group, err := cloud.SecurityGroups.Get(ctx, id)
		must(w.t, err)
		for _, rule := range group.Rules {
			open = append(open, fmt.Sprint(rule.Port, " ", rule.CIDR))
		}
	}
	slices.Sort(open)
	return port, open
}

// TestManagement: the server is born with both ports, each lets in only what is its own, and the agent is met on the second.
func TestManagement(t *testing.T) {
	w := managed(t)
	own, clients := w.behind(state.SlotPort)
	other, agents := w.behind(state.SlotManagementPort)
	wantTexts(t, clients, "3306 10.0.0.0/8")
	wantTexts(t, agents, "22 10.9.0.1/32")
	wantTexts(t, w.server().Addresses, own.Addresses[0], other.Addresses[0])
	wantText(t, w.server().Metadata[providers.ManagementPortKey], other.ID)
	member, computed := w.member(orders), w.record(orders).Computed
	wantText(t, member.ReachedAt(), other.Addresses[0])
	wantText(t, computed["address"], own.Addresses[0])
	wantText(t, computed["management_address"], other.Addresses[0])
	wantText(t, computed["management_port_id"], other.ID)
	if !strings.HasPrefix(other.Addresses[0], "10.99.") || own.NetworkID == other.NetworkID {
		t.Errorf("the ports are %+v and %+v", own, other)
	}

	// From where the agent is reached is a matter of the second port alone.
	w.estate().inst.Guest.SourceCIDRs = []string{"10.9.0.2/32"}
	before := w.object(orders, state.SlotSecurityGroup)
	w.done(plan.ModeApply, "update "+orders)
	_, agents = w.behind(state.SlotManagementPort)
	wantTexts(t, agents, "22 10.9.0.2/32")
	wantText(t, w.object(orders, state.SlotSecurityGroup), before)

	w.apply(plan.ModeDestroy)
	if left := w.marked(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestManagement_drift: what somebody opens on either port is seen, said aloud when it is for everyone, and closed.
func TestManagement_drift(t *testing.T) {
	for name, c := range map[string]struct {
		group state.Slot
		rule  providers.Rule
		path  string
	}{
		"the agent's port beside the clients":    {state.SlotSecurityGroup, providers.Rule{Port: 22, CIDR: "0.0.0.0/0"}, "access.allowed_cidrs"},
		"the engine's port for all":              {state.SlotSecurityGroup, providers.Rule{Port: 3306, CIDR: "::/0"}, "access.allowed_cidrs"},
		"the engine's port beside the agent":     {state.SlotManagementGroup, providers.Rule{Port: 3306, CIDR: "0.0.0.0/0"}, "guest.source_cidrs"},
		"the agent's port for all":               {state.SlotManagementGroup, providers.Rule{Port: 22, CIDR: "::/0"}, "guest.source_cidrs"},
		"another port beside them, for everyone": {state.SlotManagementGroup, providers.Rule{Port: 8080, CIDR: "0.0.0.0/0"}, "guest.source_cidrs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := managed(t)
			foreign := providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}
			_, err := w.cloud.Cloud().SecurityGroups.AddRule(context.Background(), w.object(orders, c.group), foreign, c.rule)
			must(t, err)
			p := w.done(plan.ModeApply, "update "+orders)
			if len(p.Drift) != 1 || len(p.Drift[0].Changes) != 1 || p.Drift[0].Changes[0].Path != c.path {
				t.Errorf("the drift is %v", p.Drift)
			}
			said := fmt.Sprintf("open to everyone: tcp %d from %s", c.rule.Port, c.rule.CIDR)
			if len(p.Conditions) != 1 || !strings.Contains(p.Conditions[0].Text, said) {
				t.Errorf("the conditions are %v, want one that says %q", p.Conditions, said)
			}
			_, clients := w.behind(state.SlotPort)
			_, agents := w.behind(state.SlotManagementPort)
			wantTexts(t, clients, "3306 10.0.0.0/8")
			wantTexts(t, agents, "22 10.9.0.1/32")
		})
	}
}

// TestManagement_rebuild: a port or a group that is gone is made again, with the data there in the end, and the other port
// stays.
func TestManagement_rebuild(t *testing.T) {
	for name, slots := range map[string][]state.Slot{
		"port": {state.SlotManagementPort}, "group": {state.SlotManagementGroup}, "both ports": {state.SlotPort, state.SlotManagementPort},
		"server": {state.SlotServer},
	} {
		t.Run(name, func(t *testing.T) {
			w := managed(t)
			must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "kept"}}))
			volume, port, address := w.object(orders, state.SlotVolume), w.object(orders, state.SlotPort), w.member(orders).Address
			for _, slot := range slots {
				w.gone(slot)
			}
			w.done(plan.ModeApply, "update "+orders)
			w.kept(volume)
			other, agents := w.behind(state.SlotManagementPort)
			wantTexts(t, agents, "22 10.9.0.1/32")
			wantText(t, w.member(orders).ReachedAt(), other.Addresses[0])
			wantText(t, w.server().Metadata[providers.ManagementPortKey], other.ID)
			if !slices.Contains(slots, state.SlotPort) {
				wantText(t, w.object(orders, state.SlotPort), port)
				wantText(t, w.member(orders).Address, address)
			}
		})
	}
}

// TestManagement_everyDeath: die at each point of making an instance with two ports, and of making its second port again.
func TestManagement_everyDeath(t *testing.T) {
	ask := shape{noUser: true, managed: true}
	for name, start := range map[string]func(*world){
		"create": func(*world) {},
		"rebuild": func(w *world) {
			w.ask(ask)
			w.apply(plan.ModeApply)
			w.gone(state.SlotManagementPort)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := story{name: name, mode: plan.ModeApply, ask: ask, min: 20, start: start}
			for p := range s.points(t) {
				w := s.begin(t)
				died, _, _ := w.run(p+1, s.mode)
				if err := s.finish(w); err != nil {
					t.Fatalf("died at %d (%s): %v", p+1, lastOf(died.trace), err)
				}
				w.guests.end()
			}
		})
	}
}
