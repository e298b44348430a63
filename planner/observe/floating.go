package observe

import (
	"cmp"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/state"
)

// offerFloating shows the planner the floating IPs that are there; a list that could not be read stays nil.
func (l *look) offerFloating() {
	list := l.lists.floating
	if list.err != nil && list.partial == nil {
		return
	}
	l.out.Choices.FloatingIPs = []planner.FloatingIP{}
	for _, f := range list.all {
		l.out.Choices.FloatingIPs = append(l.out.Choices.FloatingIPs, planner.FloatingIP{
			Choice:    planner.Choice{ID: f.ID, Name: f.Address, Provider: l.sources.Cloud.ProviderOf(f.ID)},
			NetworkID: f.NetworkID, PortID: f.PortID,
		})
	}
}

// floating looks the machine's own floating IP up. One that is gone alone is put back in place; it counts as missing only
// beside what makes the machine be put together again anyway.
func (l *look) floating(m *machine) {
	object, filled := l.prior.Object(m.member.ID, state.SlotFloatingIP)
	if !filled && m.body.Access.FloatingIP == "" {
		return
	}
	if err := l.lists.floating.unread(m.body.Provider); err != nil {
		m.unknown = cmp.Or(m.unknown, fmt.Sprintf("the cloud's list of floating IPs could not be read: %v", err))
		return
	}
	found, there := l.lists.floating.byID[object.ID]
	switch {
	case there:
		m.floating = &found
	case filled && len(m.missing) > 0:
		m.missing = append(m.missing, state.SlotFloatingIP)
	}
}

// public shows which floating IPs lead to the port: the machine's own, and any other by its address.
func (l *look) public(body *resource.Instance, m machine) {
	if m.port == nil || l.lists.floating.unread(m.body.Provider) != nil {
		return
	}
	body.Access.Public, body.Access.FloatingIP = m.floating != nil && m.floating.PortID == m.port.ID, ""
	for _, f := range l.lists.floating.all {
		if f.PortID == m.port.ID && (m.floating == nil || f.ID != m.floating.ID) {
			body.Access.FloatingIP = f.Address
		}
	}
}
