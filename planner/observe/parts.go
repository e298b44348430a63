package observe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// down are the statuses of servers that somebody brought down, and that can be brought up again as they were.
var down = []string{"SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"}

// runs tells whether a guest can be expected to answer.
func runs(s *providers.Server) bool { return s.Status == "ACTIVE" || s.Status == "VERIFY_RESIZE" }

// parts tells how the parts of an instance that was ready stand together. What is just being changed by somebody is told as
// a condition instead.
func (l *look) parts(m machine) planner.Parts {
	var p planner.Parts
	ready := m.record.Status == state.Ready
	if s := m.server; s != nil && ready {
		p.Locked = s.Locked
		if s.TaskState == "" && slices.Contains(down, s.Status) {
			p.Status = s.Status
		}
		p.Detached = m.volume != nil && !slices.Contains(s.VolumeIDs, m.volume.ID)
	}
	p.Account, _ = l.account(m)
	if p.Detached || m.server == nil {
		p.HeldBy, p.NotAttachable = l.heldBy(m), notAttachable(m.volume)
	}
	if ready && m.port != nil && m.member.Address != "" && len(m.port.Addresses) > 0 && !slices.Contains(m.port.Addresses, m.member.Address) {
		p.Address = m.port.Addresses[0]
	}
	return p
}

// heldBy names the server of somebody else that has the volume; empty: none has. One that bears the machine's mark is its own,
// recorded or not.
func (l *look) heldBy(m machine) string {
	if m.volume == nil {
		return ""
	}
	own, _ := l.prior.Object(m.member.ID, state.SlotServer)
	for _, id := range m.volume.ServerIDs {
		if id != own.ID && l.lists.servers.byID[id].Mark.Member != string(m.member.ID) {
			return strings.TrimSpace(fmt.Sprintf("server %s %s", id, quoted(l.lists.servers.byID[id].Name)))
		}
	}
	return ""
}

func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("(%q)", name)
}

// notAttachable says what is wrong with a volume that no server has; empty: nothing.
func notAttachable(v *providers.Volume) string {
	switch {
	case v == nil || len(v.ServerIDs) > 0:
		return ""
	case readOnly(v):
		return "is read-only (`openstack volume set --read-write` makes it writable)"
	case !slices.Contains([]string{"available", "in-use"}, v.Status):
		return "is " + v.Status
	default:
		return ""
	}
}

func readOnly(v *providers.Volume) bool { return strings.EqualFold(v.Metadata["readonly"], "true") }

// advice is what to do about a server that is neither running nor down, where waiting does not help.
var advice = map[string]string{
	"ERROR":         "`openstack server reboot --hard %s` often brings it back; where it does not, delete the server, and a plan makes it again on its volume",
	"VERIFY_RESIZE": "somebody resized it: `openstack server resize confirm %s`, or `revert`",
	"RESCUE":        "somebody is mending it: `openstack server unrescue %s` when that is done",
}

// serverConditions are what is worth telling of a server.
func (l *look) serverConditions(m machine, tell func(code, text string, args ...any)) {
	s := m.server
	if s == nil || m.record.Status != state.Ready {
		return
	}
	if known := l.parts(m); known.Status == "" && s.Status != "ACTIVE" {
		text := "the server is " + s.Status
		if s.Fault != "" {
			text += ": " + s.Fault
		}
		if s.TaskState != "" {
			text += fmt.Sprintf("; Nova is at work (%s): look again when it is done", s.TaskState)
		} else if known := advice[s.Status]; known != "" {
			text += "; " + fmt.Sprintf(known, s.ID)
		}
		tell("server_not_active", "%s", text)
	}
	if made := m.record.Computed["image_id"]; made != "" && s.ImageID != "" && s.ImageID != made {
		tell("server_rebuilt", "the server was rebuilt by hand from image %s, and was made from %s: its guest has other keys, and is not trusted; "+
			"delete the server, and a plan makes it again on its volume", s.ImageID, made)
	}
}

// unmarked tells which objects have lost their mark: by their ids they are still known, but a lost state is not made anew
// without it.
func (l *look) unmarked(m machine, tell func(code, text string, args ...any)) {
	marks := map[state.Slot]*providers.Mark{}
	if m.server != nil {
		marks[state.SlotServer] = &m.server.Mark
	}
	if m.volume != nil {
		marks[state.SlotVolume] = &m.volume.Mark
	}
	for _, slot := range []state.Slot{state.SlotServer, state.SlotVolume} {
		object, filled := l.prior.Object(m.member.ID, slot)
		if mark := marks[slot]; filled && mark != nil && mark.IsZero() {
			lost := providers.Mark{Lineage: l.prior.Lineage8(), Member: string(m.member.ID), Intent: string(object.Intent)}
			tell("mark_removed", "the %s has lost its mark: `openstack %s set --property '%s=%s' %s` puts it back", slot, slot, providers.MarkKey, lost, object.ID)
		}
	}
}

// conditions are worth telling and no difference.
func (l *look) conditions(m machine, asked inspected, waiting map[string]string) []plan.Condition {
	var out []plan.Condition
	tell := func(code, text string, args ...any) {
		out = append(out, plan.Condition{Address: m.record.Address, Code: code, Text: fmt.Sprintf(text, args...)})
	}
	l.serverConditions(m, tell)
	l.unmarked(m, tell)
	if m.volume != nil && (strings.HasPrefix(m.volume.Status, "error") || m.volume.Status == "deleting") {
		tell("volume_failed", "the volume is %s", m.volume.Status)
	}
	if m.volume != nil && readOnly(m.volume) {
		tell("volume_read_only", "the volume is read-only: `openstack volume set --read-write %s` when it is detached", m.volume.ID)
	}
	if asked.Detour != "" {
		tell("guest_detour", "%s", asked.Detour)
	}
	if _, why := l.account(m); why != "" && !l.toldAccounts[why] {
		l.toldAccounts[why] = true // once: of a fleet it would be told a thousand times
		tell("account_unknown", "what its account at the message broker may do, and that of any other guest there, is not known: %s", why)
	}
	for _, d := range m.doors() {
		if !slices.Contains(d.port.SecurityGroups, d.group.ID) {
			tell("security_group_detached", "%s does not use its security group %s", d.name, d.group.ID)
		}
	}
	for _, rule := range l.everyone(m) {
		tell("open_to_everyone", "it is open to everyone: %s. No apply did that: somebody opened it by hand; the next `trovectl apply` closes it", rule)
	}
	if end, ending := ends(asked, l.out.At); ending {
		tell("certificate_ends", "the certificate that clients check ends %s: the next `trovectl apply` renews it", end)
	}
	engineConditions(asked, tell)
	if names := slices.Sorted(maps.Keys(waiting)); len(names) > 0 {
		tell("restart_pending", "in force after a restart of the engine: %s", strings.Join(names, ", "))
	}
	return out
}
