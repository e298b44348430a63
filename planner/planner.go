package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// Plan says what leads from what is there to what is wanted. It is pure, and deterministic to the byte. desired MAY be nil
// with ModeRefresh and ModeDestroy. The list tells everything that is refused, all at once; with an error in it the plan
// MUST NOT be applied. Its cost is linear in the number of resources.
func Plan(desired *resource.Set, prior *state.Snapshot, seen Observation, opts Options) (*plan.Plan, diag.List) {
	if desired == nil {
		desired = &resource.Set{}
	}
	if opts.Mode == "" {
		opts.Mode = plan.ModeApply
	}
	prior, moves, refused := Moved(desired, prior)
	p := &planning{
		desired: desired, prior: prior, diags: refused, seen: seen, opts: opts,
		steps: map[resource.Address]*plan.Step{}, gone: map[resource.Address]*plan.Step{}, living: living(prior), open: openIntents(prior), calls: openCalls(prior),
		released: released(prior, seen),
		out: &plan.Plan{
			Format: plan.Format, Mode: opts.Mode, Lineage: prior.Lineage, Serial: prior.Serial, Moves: moves,
			ConfigDigest: opts.ConfigDigest, Cloud: seen.Cloud, State: opts.State, NamePrefix: desired.NamePrefix,
		},
	}
	if refused.HasErrors() || !p.sameCloud() {
		return p.out, p.diags
	}
	p.findings()
	if opts.Mode == plan.ModeApply || len(prior.Records) == 0 {
		p.otherFleet() // nothing recorded may be nothing there, or a lost state
	}
	switch opts.Mode {
	case plan.ModeApply:
		if p.shifted() {
			return p.out, p.diags // compared by index, everything else that can be said is beside the point
		}
		p.relabels()
		p.wanted()
		p.unwanted()
		p.unreplaced()
	case plan.ModeDestroy:
		p.everything()
	case plan.ModeRefresh:
	case plan.ModeRotate:
		p.rotations()
	default:
		panic(fmt.Sprintf("unknown mode %q", opts.Mode))
	}
	p.remains()
	p.orphans()
	p.order()
	p.narrow()
	p.diags.Sort()
	return p.out, p.diags
}

// planning is one comparison under way.
type planning struct {
	desired  *resource.Set
	prior    *state.Snapshot
	seen     Observation
	opts     Options
	living   map[resource.Address][]resource.Address // recorded databases and users, by the instance they live in, sorted
	open     map[state.MemberID][]state.Intent       // sorted by slot
	steps    map[resource.Address]*plan.Step         // one for each resource
	gone     map[resource.Address]*plan.Step         // the removals of what is made anew: those have two steps
	calls    map[resource.Address][]state.Intent     // open ones, sorted by slot
	relabel  map[resource.Address]resource.Address   // instances that look like new labels, to the recorded ones
	released map[string]Marked                       // servers that `state rm` took out of the record, by name
	extra    []*plan.Step                            // of remains and orphans
	out      *plan.Plan
	diags    diag.List
}

func living(prior *state.Snapshot) map[resource.Address][]resource.Address {
	out := map[resource.Address][]resource.Address{}
	for _, r := range prior.Sorted() {
		if host, ok := hostOf(r.Body); ok {
			out[host] = append(out[host], r.Address)
		}
	}
	return out
}

// hostOf is the instance that a database or user lives in.
func hostOf(body resource.Body) (resource.Address, bool) {
	switch b := body.(type) {
	case *resource.Database:
		return b.Instance, true
	case *resource.User:
		return b.Instance, true
	default:
		return resource.Address{}, false
	}
}

func openIntents(prior *state.Snapshot) map[state.MemberID][]state.Intent {
	out := map[state.MemberID][]state.Intent{}
	for _, in := range prior.Intents {
		out[in.Member] = append(out[in.Member], in)
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b state.Intent) int { return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.ID, b.ID)) })
	}
	return out
}

// sameCloud refuses to compare a state with clouds that it does not belong to.
func (p *planning) sameCloud() bool {
	if !SameCloud(p.prior.Cloud, p.seen.Cloud) {
		p.diags = append(p.diags, OtherCloud(*p.prior.Cloud, p.seen.Cloud))
		return false
	}
	in := map[string]int{} // recorded instances, by the alias of their provider
	for _, r := range p.prior.Records {
		if body, ok := r.Body.(*resource.Instance); ok && body.Provider != "" {
			in[body.Provider]++
		}
	}
	same := true
	for _, alias := range sortedKeys(in) {
		now, there := p.seen.Cloud.Others[alias]
		had, recorded := state.CloudID{}, false
		if p.prior.Cloud != nil {
			had, recorded = p.prior.Cloud.Others[alias]
		}
		switch {
		case !there:
			p.diags, same = append(p.diags, noProvider(alias, in[alias])), false
		case now.AuthURL == "": // it is out of reach, and what is there is unknown
		case recorded && !SameCloud(&had, now):
			p.diags, same = append(p.diags, OtherCloud(had, now)), false
		}
	}
	return same
}

func noProvider(alias string, instances int) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Error, Code: "no-provider", Summary: fmt.Sprintf("The provider %q is not in the configuration", alias),
		Detail: fmt.Sprintf("The state records %d instances that were made by it, and without it they cannot be looked at.", instances),
		Hint:   fmt.Sprintf("Keep the block provider \"openstack\" %q until its instances are removed.", alias),
	}
}

// SameCloud tells whether a state belongs to a cloud; one that belongs to none yet fits any.
func SameCloud(had *state.CloudID, now plan.Cloud) bool {
	return had == nil || had.Is(state.CloudID{AuthURL: now.AuthURL, ProjectID: now.ProjectID, Region: now.Region})
}

// OtherCloud says that a state belongs to another cloud than this one.
func OtherCloud(had state.CloudID, now plan.Cloud) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Error, Code: "other-cloud", Summary: "The state belongs to another cloud",
		Detail: fmt.Sprintf("The state was made in %s; the credentials lead to %s. Comparing the two would plan everything anew.",
			cloudText(had.AuthURL, had.ProjectName, had.ProjectID, had.Region),
			cloudText(now.AuthURL, now.ProjectName, now.ProjectID, now.Region)),
		Hint: "Use the credentials of the cloud that the state belongs to. If it is the same cloud under a new name, `trovectl state rebind` records that.",
	}
}

func cloudText(url, project, id, region string) string {
	return fmt.Sprintf("%s (project %s, %s, region %s)", url, project, id, region)
}

// otherFleet refuses to build a second fleet beside one that bears the same names under another state, and to tell of a
// state that knows nothing of it that there is nothing to remove and nothing that drifted.
func (p *planning) otherFleet() {
	foreign := map[string][]Marked{}
	for _, m := range p.seen.Marked {
		if m.Lineage8 != p.prior.Lineage8() {
			foreign[m.Name] = append(foreign[m.Name], m)
		}
	}
	var found []Marked
	for _, r := range p.desired.Sorted() {
		if body, ok := r.Body.(*resource.Instance); ok {
			if _, recorded := p.prior.Records[r.Address]; !recorded {
				found = append(found, foreign[body.Name]...)
			}
		}
	}
	if len(found) == 0 {
		return
	}
	slices.SortFunc(found, func(a, b Marked) int { return compareObjects(a.Object, b.Object) })
	found = slices.CompactFunc(found, func(a, b Marked) bool { return a.Object == b.Object })
	names := ""
	for _, m := range found[:min(5, len(found))] {
		names += fmt.Sprintf("\n  - %s %s %q (lineage %s)", m.Service, m.ID, m.Name, m.Lineage8)
	}
	if more := len(found) - 5; more > 0 {
		names += fmt.Sprintf("\n  - and %d more", more)
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "other-fleet", Summary: "This configuration was built already, under another state",
		Detail: "The project holds objects of this configuration whose marks name another lineage than this state's (" +
			p.prior.Lineage8() + "). " + otherFleetWhy[p.opts.Mode] + names,
		Hint: "Restore the state file (trove.db) from its backup, or give its address in TROVE_STATE. Where it is lost for good, `trovectl state rebuild` " +
			"makes a state from the marks; it needs the master key. To build a second fleet on purpose, set another name_prefix in the trove block.",
	})
}

var otherFleetWhy = map[plan.Mode]string{
	plan.ModeApply:   "Applying would build a second fleet beside them:",
	plan.ModeDestroy: "This state does not know them, and destroying by it would leave them there:",
	plan.ModeRefresh: "This state does not know them, and what became of them cannot be told from it:",
}

// findings lists what the look found, whatever is planned from it.
func (p *planning) findings() {
	for _, r := range p.prior.Sorted() {
		s, looked := p.seen.Seen[r.Address]
		if !looked {
			continue
		}
		p.out.Conditions = append(p.out.Conditions, s.Conditions...)
		serverless := slices.Contains(s.Missing, state.SlotServer) || s.Parts.Status != "" // drift tells it, and that is why its guest is silent
		if why := unseen(s); why != "" && !s.Skipped && !serverless && p.inService(r) {
			in, _ := hostOf(r.Body)
			p.out.Unknown = append(p.out.Unknown, plan.Unknown{Address: r.Address, Why: why, In: in})
		}
		if d, drifted := p.drift(r, s); drifted {
			p.out.Drift = append(p.out.Drift, d)
		}
	}
	slices.SortStableFunc(p.out.Conditions, func(a, b plan.Condition) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
	})
	p.out.Unmanaged = slices.Clone(p.seen.Unmanaged)
	slices.SortFunc(p.out.Unmanaged, func(a, b plan.Unmanaged) int {
		return cmp.Or(a.Instance.Compare(b.Instance), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

// inService tells whether a resource and the instance that it lives in are ready, so that not seeing it is a finding.
func (p *planning) inService(r state.Record) bool {
	if host, ok := hostOf(r.Body); ok {
		if on, recorded := p.prior.Records[host]; recorded && on.Status != state.Ready {
			return false
		}
	}
	return r.Status == state.Ready
}

// unseen says why a subject, or part of it, could not be seen; empty: it could.
func unseen(s Subject) string {
	if s.Presence == Unknown {
		return s.Why
	}
	return s.Unverified
}

// drift is what somebody else changed of a resource that was ready.
func (p *planning) drift(r state.Record, s Subject) (plan.Drift, bool) {
	d := plan.Drift{Address: r.Address}
	if r.Status != state.Ready {
		return d, false
	}
	switch s.Presence {
	case Absent:
		d.Gone = true
		return d, true
	case Unknown:
		return d, false
	case Present:
	default:
		panic(fmt.Sprintf("unknown presence %q of %s", s.Presence, r.Address))
	}
	for _, slot := range s.Missing {
		d.Missing = append(d.Missing, string(slot))
	}
	if s.Body != nil {
		d.Changes = slices.Concat(s.Parts.changes(p.prior.Members[r.Member]), p.driftChanges(r.Body, s))
		slices.SortStableFunc(d.Changes, func(a, b plan.Change) int { return cmp.Compare(a.Path, b.Path) })
	}
	return d, len(d.Changes) > 0 || len(d.Missing) > 0
}

func sortedAddresses[V any](m map[resource.Address]V) []resource.Address {
	return slices.SortedFunc(maps.Keys(m), resource.Address.Compare)
}
