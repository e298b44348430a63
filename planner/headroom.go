package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// limited is the resource of a limit that the object of a slot counts for.
var limited = map[state.Slot]string{
	state.SlotServer: "servers", state.SlotVolume: "volumes", state.SlotPort: "ports", state.SlotSecurityGroup: "security_groups",
	state.SlotFloatingIP: "floating_ips", state.SlotServerGroup: "server_groups",
}

// ownRules is how many rules a new security group has by itself: one lets out each family of addresses.
const ownRules = 2

// amounts is how much of what is limited.
type amounts map[Limited]int

func (a amounts) add(provider, resource string, n int) {
	if n > 0 {
		a[Limited{provider, resource}] += n
	}
}

func (a amounts) server(body *resource.Instance, f Flavor) {
	a.add(body.Provider, "servers", 1)
	a.add(body.Provider, "cores", f.VCPUs)
	a.add(body.Provider, "ram", f.RAMMiB)
}

func (a amounts) volume(body *resource.Instance) {
	a.add(body.Provider, "volumes", 1)
	a.gigabytes(body, body.Volume.Size)
	if body.Volume.Type != "" {
		a.add(body.Provider, "volumes_"+body.Volume.Type, 1)
	}
}

func (a amounts) gigabytes(body *resource.Instance, n int) {
	a.add(body.Provider, "gigabytes", n)
	if body.Volume.Type != "" {
		a.add(body.Provider, "gigabytes_"+body.Volume.Type, n)
	}
}

func (a amounts) group(body *resource.Instance, openings []resource.Opening) {
	a.add(body.Provider, "security_groups", 1)
	a.add(body.Provider, "security_group_rules", ownRules+len(openings))
}

// headroom refuses a plan that the limits of the project would stop half-way. What it removes makes room where the steps
// that need that room can wait for it, and then they do.
func (p *planning) headroom(steps []*plan.Step) {
	if len(p.seen.Limits) == 0 {
		return
	}
	needed, takers := p.taken(steps)
	if lacking := p.lacking(needed, nil); len(lacking) == 0 {
		return
	}
	freed, givers := p.freed(steps, takers)
	lacking := p.lacking(needed, freed)
	if len(lacking) > 0 {
		p.noRoom(lacking, needed, freed)
		return
	}
	for _, taker := range takers {
		for _, giver := range givers {
			p.after(taker, giver)
		}
	}
}

// lacking lists what is needed beyond what is left and freed, in the order of the services.
func (p *planning) lacking(needed, freed amounts) []Limited {
	var out []Limited
	for what, n := range needed {
		limit, known := p.seen.Limits[what]
		if known && limit.Max >= 0 && n-freed[what] > limit.Max-limit.Used {
			out = append(out, what)
		}
	}
	rank := []string{"servers", "cores", "ram", "server_groups", "volumes", "gigabytes", "ports", "floating_ips", "security_groups", "security_group_rules"}
	slices.SortFunc(out, func(a, b Limited) int {
		x, y := slices.Index(rank, a.Resource), slices.Index(rank, b.Resource)
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(uint(x), uint(y)), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// taken is what the steps need of what is limited, and the steps that need something.
func (p *planning) taken(steps []*plan.Step) (amounts, []*plan.Step) {
	there := p.unrecorded()
	needed, groups := amounts{}, p.groups(there)
	var takers []*plan.Step
	for _, s := range steps {
		body, ok := s.After.Body.(*resource.Instance)
		if !ok || s.Action == plan.Delete {
			continue
		}
		own := p.machineNeeds(s, body, there)
		for _, d := range doorsOf(body) {
			lost := slices.Contains(s.Rebuild, string(d.slot))
			if opens(s) && (lost || !groups[d.key].stands) && !groups[d.key].taken {
				groups[d.key] = group{taken: true}
				own.group(body, d.openings)
			}
		}
		if key := body.LocalityKey(s.Address); key != "" && s.Action == plan.Create && !groups[key].stands && !groups[key].taken {
			groups[key] = group{taken: true}
			own.add(body.Provider, "server_groups", 1)
		}
		if needed.join(own) {
			takers = append(takers, s)
		}
	}
	return needed, takers
}

// door is a port of an instance, as what its security group lets in.
type door struct {
	slot     state.Slot // of the group
	key      string
	openings []resource.Opening
}

func doorsOf(body *resource.Instance) []door {
	own := door{state.SlotSecurityGroup, body.AccessKey(), body.Openings()}
	if !body.Managed() {
		return []door{own}
	}
	return []door{own, {state.SlotManagementGroup, body.ManagementKey(), body.ManagementOpenings()}}
}

// join adds what is in another, and tells whether that was anything.
func (a amounts) join(own amounts) bool {
	for what, n := range own {
		a[what] += n
	}
	return len(own) > 0
}

// machineNeeds is what a step makes for a machine alone: the objects of the slots that are empty, and what a volume grows by.
func (p *planning) machineNeeds(s *plan.Step, body *resource.Instance, there map[state.Place]bool) amounts {
	own := amounts{}
	for _, slot := range state.SlotsOf(body) {
		place := state.Place{Member: state.MemberID(s.Member), Slot: string(slot)}
		_, filled := p.prior.Object(place.Member, slot)
		empty := !filled && !there[place] || slices.Contains(s.Rebuild, string(slot))
		switch {
		case empty && slot == state.SlotServer:
			own.server(body, p.flavor(body.Provider, cmp.Or(s.Resolved["flavor"], body.Flavor)))
		case empty && slot == state.SlotVolume:
			own.volume(body)
		case empty && (isPort(slot) || slot == state.SlotFloatingIP):
			own.add(body.Provider, limited[slot.Object()], 1)
		}
	}
	for _, c := range s.Changes {
		before, was := c.Before.(int)
		after, is := c.After.(int)
		if c.Path == "volume.size" && was && is && s.Action == plan.Update {
			own.gigabytes(body, after-before)
		}
	}
	return own
}

// unrecorded are the slots whose object an earlier run has asked for and not recorded, and which is there: it is adopted, and
// counts as used already.
func (p *planning) unrecorded() map[state.Place]bool {
	out := map[state.Place]bool{}
	for _, m := range p.seen.Marked {
		if in, open := p.prior.Intents[state.IntentID(m.Intent)]; open && in.Operation == state.OpCreate {
			out[state.Place{Member: in.Member, Slot: in.Slot}] = true
		}
	}
	return out
}

// group is a shared group: one that is there, or one that a step makes.
type group struct{ stands, taken bool }

func (p *planning) groups(there map[state.Place]bool) map[string]group {
	out := map[string]group{}
	for id, m := range p.prior.Members {
		for _, slot := range []state.Slot{state.SlotSecurityGroup, state.SlotServerGroup} {
			_, filled := m.Objects[slot]
			if m.Key != "" && (filled || there[state.Place{Member: id, Slot: string(slot)}]) {
				out[m.Key] = group{stands: true}
			}
		}
	}
	return out
}

// opens tells whether a step gives an instance a security group.
func opens(s *plan.Step) bool {
	return s.Action == plan.Create || len(s.Rebuild) > 0 || slices.ContainsFunc(s.Changes, func(c plan.Change) bool {
		return c.Path == "access.allowed_cidrs" || c.Path == "guest.source_cidrs" || c.Path == "guest.port"
	})
}

// flavor is the one with an id or a name; one that is not there is empty.
func (p *planning) flavor(provider, text string) Flavor {
	for _, f := range p.seen.Choices.of(provider).Flavors {
		if f.named(text) {
			return f
		}
	}
	return Flavor{}
}

// freed is what the removals give back before the takers need it, and those removals: not those that wait for a taker
// themselves.
func (p *planning) freed(steps, takers []*plan.Step) (amounts, []*plan.Step) {
	waits := waiting(steps, takers)
	freed, users := amounts{}, map[state.MemberID]int{}
	for _, m := range p.prior.Members {
		for _, id := range m.Groups {
			users[id]++
		}
	}
	var givers []*plan.Step
	for _, s := range steps {
		if waits[s.ID] || s.Action != plan.Delete && s.Action != plan.DeleteOrphan {
			continue
		}
		own := amounts{}
		if s.Orphan != nil {
			own.orphan(s.Orphan)
		}
		if body, ok := s.Before.Body.(*resource.Instance); ok {
			member := p.prior.Members[state.MemberID(s.Member)]
			own.removed(member, body, p.flavor(body.Provider, body.Flavor))
			for _, id := range member.Groups {
				openings := body.Openings()
				if id == member.ManagementGroup {
					openings = body.ManagementOpenings()
				}
				if users[id]--; users[id] > 0 {
					continue
				}
				if id == member.ServerGroup {
					own.add(body.Provider, "server_groups", 1)
				} else {
					own.group(body, openings)
				}
			}
		}
		if freed.join(own) {
			givers = append(givers, s)
		}
	}
	return freed, givers
}

// removed is what an instance has.
func (a amounts) removed(member state.Member, body *resource.Instance, f Flavor) {
	for slot := range member.Objects {
		switch {
		case slot == state.SlotServer:
			a.server(body, f)
		case slot == state.SlotVolume && body.Volume != nil:
			a.volume(body)
		case isPort(slot) || slot == state.SlotFloatingIP:
			a.add(body.Provider, limited[slot.Object()], 1)
		}
	}
}

// orphan is an object without a record. Those of another cloud than the default one have its alias in their ids.
func (a amounts) orphan(o *plan.Object) {
	provider, _, other := strings.Cut(o.ID, "/")
	if !other {
		provider = ""
	}
	a.add(provider, limited[state.Slot(o.Service)], 1)
}

// waiting are the steps that need one of these, directly or not.
func waiting(steps, on []*plan.Step) map[string]bool {
	needs, out := map[string][]string{}, map[string]bool{}
	for _, s := range steps {
		for _, id := range s.Needs {
			needs[id] = append(needs[id], s.ID)
		}
	}
	var mark func(id string)
	mark = func(id string) {
		for _, next := range needs[id] {
			if !out[next] {
				out[next] = true
				mark(next)
			}
		}
	}
	for _, s := range on {
		mark(s.ID)
	}
	return out
}

func (p *planning) noRoom(lacking []Limited, needed, freed amounts) {
	lines := ""
	for _, what := range lacking {
		limit := p.seen.Limits[what]
		more := ""
		if n := freed[what]; n > 0 {
			more = fmt.Sprintf("; the plan gives back %d first", n)
		}
		lines += fmt.Sprintf("\n  - %s: %d more are needed, %d of %d are left%s", spell(what), needed[what], max(0, limit.Max-limit.Used), limit.Max, more)
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "no-headroom", Summary: "The project has no room for what the plan makes",
		Detail: "Its limits leave too little, so that an apply would stop half-way. Nothing was changed:" + lines,
		Hint:   "Ask for larger quotas, remove what is not needed, or declare fewer or smaller instances.",
	})
}

// spell names a limit with its unit.
func spell(what Limited) string {
	words := map[string]string{
		"floating_ips": "floating IPs", "server_groups": "server groups", "ram": "MiB of RAM", "gigabytes": "GiB of volumes", "security_groups": "security groups", "security_group_rules": "security group rules",
	}
	text := words[what.Resource]
	if resource, kind, typed := strings.Cut(what.Resource, "_"); text == "" && typed {
		text = fmt.Sprintf("%s of type %s", cmp.Or(words[resource], resource), kind)
	}
	text = cmp.Or(text, what.Resource)
	if what.Provider != "" {
		text += fmt.Sprintf(" of provider %q", what.Provider)
	}
	return text
}
