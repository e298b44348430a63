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

const (
	running = "ACTIVE"
	asMade  = "as it was made" // of an account
)

// changes are the differences from how the parts were left.
func (s Parts) changes(member state.Member) []plan.Change {
	var out []plan.Change
	if s.Address != "" {
		out = append(out, plan.Change{Path: plan.PathAddress, Before: member.Address, After: s.Address, Impact: resource.Online})
	}
	if s.Status != "" {
		out = append(out, plan.Change{Path: plan.PathStatus, Before: running, After: s.Status, Impact: resource.Online})
	}
	if s.Detached {
		out = append(out, plan.Change{Path: plan.PathAttached, Before: true, After: false, Impact: resource.Online})
	}
	if s.Account != "" {
		out = append(out, plan.Change{Path: plan.PathAccount, Before: asMade, After: s.Account, Impact: resource.Online})
	}
	return out
}

// mend puts the parts of an instance together again: its volume is attached, its server brought up, and the address that its
// port has now is recorded. What a lock forbids is left as it is, and told.
func (p *planning) mend(d *difference, r *resource.Resource, record state.Record, s Subject) {
	if s.Parts.Detached && p.notAttachable(r.Address, r.Range, s) {
		return
	}
	changes := s.Parts.changes(p.prior.Members[record.Member])
	for _, c := range changes {
		if c.Path != plan.PathAddress { // that is what its port has: it is taken over
			c.Before, c.After = c.After, c.Before
		}
		if c.Path == plan.PathAttached && s.Parts.Status == "" {
			c.Impact = resource.Restart
		}
		d.add(c, false)
	}
	if i, ok := r.Body.(*resource.Instance); ok && s.Parts.Certificate != "" {
		member := p.prior.Members[record.Member]
		c := plan.Change{
			Path: plan.PathCertificate, Before: s.Parts.Certificate, Impact: resource.Online,
			After: strings.Join(i.CertificateNames(member.Address, member.FloatingAddress), ", "),
		}
		d.add(c, false)
		changes = append(changes, c)
	}
	if len(changes) > 0 {
		slices.SortStableFunc(d.changes, func(a, b plan.Change) int { return cmp.Compare(a.Path, b.Path) })
	}
	p.unlocked(d, r, record, s)
}

// unlocked takes out what nobody but an administrator may do to a locked server. What the configuration asks for is refused;
// what would only be put right again waits until somebody unlocks the server.
func (p *planning) unlocked(d *difference, r *resource.Resource, record state.Record, s Subject) {
	if !s.Parts.Locked {
		return
	}
	want, had := r.Body.Attributes(), record.Body.Attributes()
	var stays, asked []string
	d.changes = slices.DeleteFunc(d.changes, func(c plan.Change) bool {
		metadata := strings.HasPrefix(c.Path, "metadata.")
		switch {
		case !metadata && c.Path != plan.PathStatus && c.Path != plan.PathAttached:
			return false
		case metadata && !same(want[c.Path], had[c.Path]):
			asked = append(asked, c.Path)
		default:
			stays = append(stays, c.Path)
		}
		return true
	})
	d.impact = resource.Online
	for _, c := range d.changes {
		d.impact = resource.Worse(d.impact, c.Impact)
	}
	if len(stays) > 0 {
		p.serverLocked(diag.Warning, r.Address, r.Range, "what somebody else changed stays so: "+strings.Join(stays, ", "))
	}
	if len(asked) > 0 {
		p.serverLocked(diag.Error, r.Address, r.At(asked[0]), "the configuration changes "+strings.Join(asked, ", "))
	}
}

// serverLocked tells that a lock stands in the way of something.
func (p *planning) serverLocked(severity diag.Severity, address resource.Address, at *diag.Range, what string) {
	detail := diag.Sentence(what) + " Nova lets nobody but an administrator change a locked server."
	if severity == diag.Error {
		detail += " Nothing was changed."
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: severity, Code: "server-locked", Address: address.String(), Subject: at,
		Summary: fmt.Sprintf("The server of %s is locked", address), Detail: detail,
		Hint: fmt.Sprintf("Somebody locked it on purpose: ask who, and unlock it with `openstack server unlock %s`.",
			p.prior.Members[p.prior.Records[address].Member].Objects[state.SlotServer].ID),
	})
}

// notAttachable refuses what needs a volume that cannot be attached as it is.
func (p *planning) notAttachable(address resource.Address, at *diag.Range, s Subject) bool {
	volume := p.prior.Members[p.prior.Records[address].Member].Objects[state.SlotVolume].ID
	out := diag.Diagnostic{Severity: diag.Error, Code: "volume-busy", Address: address.String(), Subject: at}
	switch {
	case s.Parts.HeldBy != "":
		out.Summary = fmt.Sprintf("The volume of %s is attached to another server", address)
		out.Detail = fmt.Sprintf("Volume %s is attached to %s, and one server at a time can have it. Nothing was changed.", volume, s.Parts.HeldBy)
		out.Hint = "Find out who attached it there. Once it is detached (`openstack server remove volume SERVER VOLUME`), the next plan goes on with it."
	case s.Parts.NotAttachable != "":
		out.Summary = fmt.Sprintf("The volume of %s cannot be attached", address)
		out.Detail = fmt.Sprintf("Volume %s %s. Nothing was changed.", volume, s.Parts.NotAttachable)
		out.Hint = "The data is on it: nothing is made in its place."
	default:
		return false
	}
	p.diags = append(p.diags, out)
	return true
}

// partsNotes says what putting the parts together does.
func partsNotes(step *plan.Step) {
	for _, c := range step.Changes {
		switch c.Path {
		case plan.PathStatus:
			step.Notes = append(step.Notes, "the server is brought up again; until it answers, nobody can connect")
		case plan.PathAttached:
			step.Notes = append(step.Notes, "the server is stopped, gets its volume, and starts: the data stays on it")
		case plan.PathAccount:
			step.Notes = append(step.Notes, "its account at the message broker is put right; its agent stays connected, or comes back")
		case plan.PathAddress:
			step.Notes = append(step.Notes, "the address that its port has now is taken over")
		}
	}
}
