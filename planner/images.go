package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// uploads plans the upload of a datastore's image files that the cloud does not have: as part of its step, or, when its
// record is as declared, as a step of its own. Where images could not be listed nothing is known of them.
func (p *planning) uploads(r *resource.Resource, body *resource.Datastore) {
	images := p.seen.Choices.of("").Images
	if images == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(body.Versions)) {
		v := body.Versions[name]
		if v.ImageSHA256 == "" || slices.ContainsFunc(images, func(i Image) bool { return i.SHA256 == v.ImageSHA256 }) {
			continue
		}
		if p.steps[r.Address] == nil {
			p.update(r, p.prior.Records[r.Address], plan.Reason{Code: plan.ReasonDrift, Text: "an image of it is not in the cloud"})
		}
		s := p.steps[r.Address]
		s.Notes = append(s.Notes, fmt.Sprintf("uploads %s, the image of version %s (sha256 %.12s...)", v.ImageFile, name, v.ImageSHA256))
	}
}

// newerImage tells of an image that a new machine would get and this one does not have. It is never a step.
func (p *planning) newerImage(r *resource.Resource, body *resource.Instance, record state.Record) {
	had := record.Computed["image_id"]
	would, ok := selected(p.seen.Choices.of(body.Provider).Images, body)
	if had == "" || !ok || would.ID == had {
		return
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Warning, Code: "newer-image", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("There is a newer image for %s", r.Address),
		Detail:  fmt.Sprintf("It runs on image %s; a new instance would be made from %s (%s).", had, would.Name, would.ID),
		Hint:    "Nothing is done about it: an instance keeps the image that it was made from.",
	})
}
