package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// resolve turns the names that the slots to be filled need into the cloud's ids, and tells which do not exist.
func (p *planning) resolve(s *plan.Step, r *resource.Resource, body *resource.Instance, slots []state.Slot) {
	s.Resolved = map[string]string{}
	c := p.seen.Choices.of(body.Provider)
	if slices.Contains(slots, state.SlotServer) {
		p.resolveFlavor(s, r, body, c.Flavors)
		p.resolveImage(s, r, body, c.Images)
		p.listed(r, "availability_zone", body.AvailabilityZone, "availability zone", c.Zones)
	}
	if slices.Contains(slots, state.SlotPort) {
		p.resolveNetwork(s, r, body, c.Networks)
	}
	if slices.Contains(slots, state.SlotVolume) && body.Volume != nil {
		p.listed(r, "volume.type", body.Volume.Type, "volume type", c.VolumeTypes)
	}
	if slices.Contains(slots, state.SlotManagementPort) && body.Managed() {
		p.resolveManagement(s, r, body, c.Networks)
	}
	p.resolveFloating(s, r, body)
}

// resolveManagement finds the network of the port that the agent is reached on. Two ports in one network would answer in each
// other's place.
func (p *planning) resolveManagement(s *plan.Step, r *resource.Resource, body *resource.Instance, all []Network) {
	if all == nil {
		p.unlisted(r, "guest.network", "networks")
		return
	}
	id, ok := p.pick(r, "guest.network", body.Guest.Network, "network", networks(all))
	if !ok {
		return
	}
	s.Resolved["management_network"] = id
	if own := all[slices.IndexFunc(all, func(n Network) bool { return n.ID == id })]; own.named(body.Network) {
		p.diags = append(p.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "same-network", Address: r.Address.String(), Subject: r.At("guest.network"),
			Summary: fmt.Sprintf("The management network of %s is its own network", r.Address),
			Detail:  fmt.Sprintf("%s and %s are one network: a second port there would answer in place of the first.", body.Guest.Network, body.Network),
			Hint:    "Leave guest.network out: then the agent is reached on the instance's own port. Or name another network.",
		})
	}
}

func (p *planning) resolveFlavor(s *plan.Step, r *resource.Resource, body *resource.Instance, flavors []Flavor) {
	if flavors == nil {
		p.unlisted(r, "flavor", "flavors")
		return
	}
	choices := make([]Choice, len(flavors))
	for i, f := range flavors {
		choices[i] = f.Choice
	}
	id, ok := p.pick(r, "flavor", body.Flavor, "flavor", choices)
	if !ok {
		return
	}
	s.Resolved["flavor"] = id
	for _, f := range flavors {
		if f.ID == id && f.RAMMiB > 0 {
			s.Resolved["ram_mib"] = strconv.Itoa(f.RAMMiB)
		}
	}
}

// resolveImage finds the image by name or id, by its file's digest, or the newest that bears all tags. A machine that is
// made again gets the image that it had, as long as that exists; one that replaces another is a new one.
func (p *planning) resolveImage(s *plan.Step, r *resource.Resource, body *resource.Instance, images []Image) {
	if images == nil {
		p.unlisted(r, "image", "images")
		return
	}
	had := p.prior.Records[r.Address].Computed["image_id"]
	if p.gone[r.Address] != nil {
		had = ""
	}
	if had != "" && slices.ContainsFunc(images, func(i Image) bool { return i.ID == had }) {
		s.Resolved["image"] = had
		return
	}
	if body.ImageSHA256 == "" && len(body.ImageTags) == 0 {
		if id, ok := p.pick(r, "image", body.Image, "image", imageChoices(images)); ok {
			s.Resolved["image"] = id
		}
		return
	}
	found, ok := selected(images, body)
	switch {
	case ok:
		s.Resolved["image"] = found.ID
	case body.ImageSHA256 == "":
		p.noSuch(r, "image_tags", fmt.Sprintf("No image bears the tags %s", strings.Join(body.ImageTags, ", ")), "images", "", names(imageChoices(images)))
	case body.Provider == "":
		s.Resolved["image"] = plan.UploadedImage + body.ImageSHA256
	default: // the datastore's step uploads to the default cloud alone
		p.noSuch(r, "provider", fmt.Sprintf("The provider %q has no image with the sha256 %.12s...", body.Provider, body.ImageSHA256), "images", "", names(imageChoices(images)))
	}
}

func imageChoices(images []Image) []Choice {
	choices := make([]Choice, len(images))
	for i, image := range images {
		choices[i] = image.Choice
	}
	return choices
}

// selected is the newest image with the digest or with all tags that a body asks for.
func selected(images []Image, body *resource.Instance) (Image, bool) {
	if body.ImageSHA256 != "" {
		return newest(images, func(i Image) bool { return i.SHA256 == body.ImageSHA256 })
	}
	if len(body.ImageTags) == 0 {
		return Image{}, false
	}
	return newest(images, func(i Image) bool {
		return !slices.ContainsFunc(body.ImageTags, func(tag string) bool { return !slices.Contains(i.Tags, tag) })
	})
}

func newest(images []Image, fits func(Image) bool) (Image, bool) {
	var fit []Image
	for _, image := range images {
		if fits(image) {
			fit = append(fit, image)
		}
	}
	if len(fit) == 0 {
		return Image{}, false
	}
	return slices.MaxFunc(fit, func(a, b Image) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	}), true
}

func (p *planning) resolveNetwork(s *plan.Step, r *resource.Resource, body *resource.Instance, all []Network) {
	if all == nil {
		p.unlisted(r, "network", "networks")
		return
	}
	id, ok := p.pick(r, "network", body.Network, "network", networks(all))
	if !ok {
		return
	}
	s.Resolved["network"] = id
	if body.Subnet == "" {
		return
	}
	at := slices.IndexFunc(all, func(n Network) bool { return n.ID == id })
	if subnet, ok := p.pick(r, "subnet", body.Subnet, fmt.Sprintf("subnet of network %q", body.Network), all[at].Subnets); ok {
		s.Resolved["subnet"] = subnet
	}
}

func networks(all []Network) []Choice {
	choices := make([]Choice, len(all))
	for i, n := range all {
		choices[i] = n.Choice
	}
	return choices
}

// pick finds the one thing with this id or name.
func (p *planning) pick(r *resource.Resource, path, want, what string, choices []Choice) (string, bool) {
	var ids []string
	for _, c := range choices {
		switch {
		case !c.named(want):
		case c.Name != want:
			return c.ID, true
		default:
			ids = append(ids, c.ID)
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], true
	case 0:
		p.noSuch(r, path, fmt.Sprintf("There is no %s %q", what, want), what+"s", want, names(choices))
		return "", false
	default:
		slices.Sort(ids)
		p.diags = append(p.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "ambiguous-name", Address: r.Address.String(), Subject: r.At(path),
			Summary: fmt.Sprintf("The %s %q is ambiguous", what, want),
			Detail:  fmt.Sprintf("The cloud has %d with this name: %s.", len(ids), strings.Join(ids, ", ")),
			Hint:    fmt.Sprintf("Give the id of the one you mean as %s.", path),
		})
		return "", false
	}
}

// listed checks a name that is passed on as it is. A list that could not be read, or an argument left out, says nothing.
func (p *planning) listed(r *resource.Resource, path, want, what string, all []Choice) {
	if want == "" || all == nil || slices.ContainsFunc(all, func(c Choice) bool { return c.Name == want }) {
		return
	}
	p.noSuch(r, path, fmt.Sprintf("There is no %s %q", what, want), what+"s", want, names(all))
}

func (p *planning) noSuch(r *resource.Resource, path, summary, what, want string, all []string) {
	detail := fmt.Sprintf("The cloud offers no %s to this project.", what)
	if len(all) > 0 {
		detail = fmt.Sprintf("There are: %s.", strings.Join(nearestFirst(want, all, 10), ", "))
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "no-such-name", Address: r.Address.String(), Subject: r.At(path),
		Summary: summary, Detail: detail, Hint: fmt.Sprintf("Change %s to one of them, or ask for it in the cloud.", path),
	})
}

func (p *planning) unlisted(r *resource.Resource, path, what string) {
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "not-listed", Address: r.Address.String(), Subject: r.At(path),
		Summary: fmt.Sprintf("%s of %s cannot be looked up", path, r.Address),
		Detail:  fmt.Sprintf("The cloud did not list its %s, so that nothing can be made of them now.", what),
		Hint:    "Try again when the service answers.",
	})
}

func names(choices []Choice) []string {
	out := make([]string, len(choices))
	for i, c := range choices {
		out[i] = cmp.Or(c.Name, c.ID)
	}
	return out
}

// nearestFirst lists at most n names, those most like the wanted one first.
func nearestFirst(want string, all []string, n int) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(all)))
	if want != "" {
		slices.SortStableFunc(sorted, func(a, b string) int {
			return cmp.Compare(levenshtein.Distance(want, a, nil), levenshtein.Distance(want, b, nil))
		})
	}
	if len(sorted) <= n {
		return sorted
	}
	return append(sorted[:n:n], fmt.Sprintf("and %d more", len(sorted)-n))
}
