package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// names looks, as a plan does, whether the cloud has the flavors, images, networks, zones and volume types that what is to
// be made names, and room for it.
func (d *doctor) names(ctx context.Context, cloud *providers.Cloud, prior *state.Snapshot, address string) {
	const check = "names"
	whole, list := d.load(ctx, d.f, config.Load)
	if list.HasErrors() {
		d.tell(check, "", view.Fair, "not examined: "+strings.TrimSpace(list[0].Summary+": "+list[0].Detail), "`trovectl validate` tells more; give the variables that the configuration needs.")
		return
	}
	switch {
	case prior == nil && !d.fresh:
		return // the state was examined, and nothing can be compared with it
	case prior == nil:
		prior = state.Empty(newIDs().Lineage())
	}
	for _, r := range whole.Set.Resources {
		if password, _ := resource.PasswordOf(r.Body); password != nil {
			r.Body = resource.WithPassword(r.Body, &resource.Password{}) // not supplied: names need no secret
		}
	}
	moved, _, _ := planner.Moved(whole.Set, prior)
	seen, err := observe.Look(ctx, observe.Sources{Cloud: cloud, Now: time.Now}, moved, whole.Set)
	if err != nil {
		d.tell(check, "", view.Bad, err.Error(), cloudDiagnostic(err).Hint)
		return
	}
	_, list = planner.Plan(whole.Set, prior, seen, planner.Options{State: address, ConfigDigest: whole.Digest})
	bad := false
	for _, one := range list {
		if one.Severity == diag.Error {
			bad = true
			d.tell(check, one.Address, view.Bad, one.Summary+". "+one.Detail, one.Hint)
		}
	}
	if !bad {
		d.tell(check, "", view.Good, fmt.Sprintf("the cloud has what the %d resources of the configuration name", len(whole.Set.Resources)), "")
	}
}
