package command

import (
	"context"
	"fmt"
	"reflect"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

var stateRebindSpec = spec{
	synopsis: "Record that the state's cloud has another URL, project or region now",
	usage:    "trovectl state rebind [options]",
	flags: func(f *flags) {
		f.variables()
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		return m.locked(f, "state rebind", func(ctx context.Context, c *config.Config, session state.Session) diag.List {
			cloud, err := m.openCloud(ctx, c)
			if err != nil {
				return diag.List{cloudDiagnostic(err)}
			}
			return m.rebind(ctx, session, cloud)
		})
	},
}

// rebind records the cloud that the credentials lead to, if it has what the state records.
func (m *Meta) rebind(ctx context.Context, session state.Session, cloud *providers.Cloud) diag.List {
	s, now := session.Snapshot(), executor.CloudID(observe.CloudOf(cloud))
	if s.Cloud == nil || reflect.DeepEqual(s.Cloud, now) {
		_, _ = fmt.Fprintln(m.streams.Out, "There is nothing to rebind: the state belongs to this cloud, or to none yet.")
		return nil
	}
	machines, err := observe.Machines(ctx, cloud)
	if err != nil {
		return diag.List{cloudDiagnostic(err)}
	}
	recorded, found := countThere(s, machines)
	if recorded > 0 && found == 0 {
		d := planner.OtherCloud(*s.Cloud, observe.CloudOf(cloud))
		d.Detail += fmt.Sprintf(" None of the %d objects that it records is there. Nothing was changed.", recorded)
		d.Hint = "Use the credentials of the cloud that has them."
		return diag.List{d}
	}
	if err := session.Commit(ctx, state.Batch{Cloud: now}); err != nil {
		return diag.List{stateDiagnostic(err, "")}
	}
	_, _ = fmt.Fprintf(m.streams.Out, "The state belongs to %s, project %s, region %s now: %d of the %d objects that it records were found there by their marks.\n",
		now.AuthURL, now.ProjectName, now.Region, found, recorded)
	return nil
}

// countThere counts the objects that are recorded, and those among them that bear the marks of their machines or are the
// groups that these share.
func countThere(s *state.Snapshot, machines []observe.Machine) (recorded, found int) {
	there := map[state.MemberID]map[state.Slot]state.Object{}
	for _, machine := range machines {
		if machine.Lineage8 == s.Lineage8() {
			there[machine.Member.ID] = machine.Member.Objects
			for _, group := range machine.Groups() {
				there[group.ID] = group.Objects
			}
		}
	}
	for id, member := range s.Members {
		recorded += len(member.Objects)
		for slot, object := range member.Objects {
			if there[id][slot].ID == object.ID {
				found++
			}
		}
	}
	return recorded, found
}
