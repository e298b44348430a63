package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/state"
)

var stateRebuildSpec = spec{
	synopsis: "Make a lost state anew from the marks in the cloud; needs the configuration and the master key",
	usage:    "trovectl state rebuild [options]",
	flags: func(f *flags) {
		f.variables()
		f.set.BoolVar(&f.input, "input", true, "ask for what is missing")
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
		f.set.BoolVar(&f.dryRun, "dry-run", false, "say what would be recorded, and record nothing")
	},
	run: runRebuild,
}

func runRebuild(m *Meta, f *flags) int {
	if err := f.words(0, 0, "no argument"); err != nil {
		return m.fail("%v", err)
	}
	ctx, hard, stop := interruptible(m.warn)
	defer stop()
	machines, list := m.lostMachines(ctx, f)
	if list.HasErrors() {
		return m.report(list)
	}
	f.lineage, f.initState = machines[0].Lineage, true // a missing state is what this is for, in CI as well
	op, list := m.open(ctx, f, false, false)
	if list.HasErrors() {
		return m.report(list)
	}
	return m.report(append(op.warnings, op.rebuild(ctx, hard, f, machines)...))
}

// lostMachines lists the machines of the one lineage that this configuration was built under, and refuses where there is a
// state already.
func (m *Meta) lostMachines(ctx context.Context, f *flags) ([]observe.Machine, diag.List) {
	c, list := m.load(ctx, f, config.Load)
	if list.HasErrors() {
		return nil, list
	}
	snapshot, address, err := m.readState(c)
	if err != nil && !errors.Is(err, state.ErrMissing) {
		d := stateDiagnostic(err, address)
		if errors.Is(err, state.ErrCorrupt) {
			d.Hint = "Nothing was changed. Move the damaged state away, and keep it; then run this again."
		}
		return nil, diag.List{d}
	}
	cloud, err := m.openCloud(ctx, c)
	if err != nil {
		return nil, diag.List{cloudDiagnostic(err)}
	}
	machines, err := observe.Machines(ctx, cloud)
	if err != nil {
		return nil, diag.List{cloudDiagnostic(err)}
	}
	lineage, list := lostLineage(machines, c.Set)
	switch {
	case list.HasErrors():
		return nil, list
	case snapshot != nil && snapshot.Lineage != lineage:
		return nil, refusal("There is a state already", fmt.Sprintf("%s is of the lineage %s, and the machines were made under %s.", address, snapshot.Lineage, lineage),
			"Move it away if it is empty, or give the address of another one in TROVE_STATE.")
	case snapshot != nil && len(snapshot.Records)+len(snapshot.Members) > 0:
		return nil, refusal("There is a state already", fmt.Sprintf("%s records these machines.", address), "To take one more machine into it, use `trovectl import`.")
	}
	return slices.DeleteFunc(machines, func(m observe.Machine) bool { return m.Lineage8 != lineage[:8] }), nil
}

// lostLineage is the whole lineage of the machines that have the names of declared instances.
func lostLineage(machines []observe.Machine, set *resource.Set) (string, diag.List) {
	names := map[string]bool{}
	for _, r := range set.Resources {
		if body, ok := r.Body.(*resource.Instance); ok {
			names[body.Name] = true
		}
	}
	ours, whole := map[string]string{}, map[string]string{} // by the lineage's beginning: an example, and the whole
	for _, m := range machines {
		if names[m.Name] {
			ours[m.Lineage8] = m.Name
		}
		if len(m.Lineage) == len(newIDs().Lineage()) && strings.HasPrefix(m.Lineage, m.Lineage8) {
			whole[m.Lineage8] = m.Lineage
		}
	}
	found := slices.Sorted(maps.Keys(ours))
	switch {
	case len(found) == 0:
		return "", refusal("Nothing of this configuration was found", fmt.Sprintf("Of the %d machines in the project that bear a mark of trovectl, none has the name of a declared instance.", len(machines)),
			"Look whether the credentials lead to the right project, and whether name_prefix and the labels are what they were.")
	case len(found) > 1:
		return "", refusal("The configuration was built more than once", fmt.Sprintf("The project holds machines of its names under the lineages %s.", strings.Join(found, ", ")),
			"Declare, or give by name_prefix, the names of one of them alone.")
	case whole[found[0]] == "":
		return "", refusal("The lineage is not known", fmt.Sprintf("The marks begin with %s, and no server tells the rest in its metadata.", found[0]), "Restore the state from its backup.")
	}
	return whole[found[0]], nil
}

// rebuild records what the marks and the guests tell.
func (op *operation) rebuild(ctx, hard context.Context, f *flags, machines []observe.Machine) diag.List {
	a := op.newAdoption()
	unknown := a.match(machines)
	if err := a.look(ctx); err != nil {
		return diag.List{cloudDiagnostic(err)}
	}
	list := a.unfitToo(&unknown)
	if len(a.guests.met) == 0 {
		return append(list, refusal("No guest answered", "Only a guest that opens to the master key proves that it is the right one."+a.whyNot(),
			"Give the key that made them (TROVE_KEY, TROVE_KEY_FILE, or trove.key beside the state), and mend the way to the guests.")...)
	}
	batch, told := a.batch()
	batch.Cloud, batch.KeyCheck = executor.CloudID(observe.CloudOf(op.cloud)), op.ring.KeyCheck()
	for _, r := range op.config.Set.Sorted() { // what has no object in the cloud is as the configuration says
		if r.Address.Kind == resource.KindDatastore || r.Address.Kind == resource.KindConfigGroup {
			batch.PutRecords = append(batch.PutRecords, state.Record{Address: r.Address, Body: r.Body, Status: state.Ready, Protect: r.Protect, DependsOn: r.DependsOn})
		}
	}
	for _, machine := range unknown { // what nothing declares may hold data: it is kept in mind, and is no orphan
		member := machine.Member.Clone()
		member.MayHoldData, member.Released = true, true
		for _, group := range machine.Groups() {
			member.Groups = append(member.Groups, group.ID)
			if !slices.ContainsFunc(batch.PutMembers, func(m state.Member) bool { return m.ID == group.ID }) {
				group.Key = string(group.ID)
				batch.PutMembers = append(batch.PutMembers, group)
			}
		}
		batch.PutMembers = append(batch.PutMembers, member)
	}
	list = append(list, a.tell(told, unknown)...)
	if f.dryRun {
		op.view.Note("Nothing was recorded: this was a dry run.")
		return list
	}
	return append(list, op.commitRebuilt(ctx, hard, f, batch)...)
}

func (op *operation) commitRebuilt(ctx, hard context.Context, f *flags, batch state.Batch) diag.List {
	session, err := op.lock(ctx, f, "state rebuild")
	if err != nil {
		return diag.List{stateDiagnostic(err, op.address)}
	}
	defer func() { _ = session.Close() }()
	if now := session.Snapshot(); len(now.Records)+len(now.Members) > 0 {
		return refusal("There is a state by now", "Another run has made it meanwhile.", "Look at it with `trovectl state list`.")
	}
	if err := session.Commit(hard, batch); err != nil {
		return diag.List{stateDiagnostic(err, op.address)}
	}
	_, _ = fmt.Fprintf(op.streams.Out, "The state was made anew: %s, serial %d, %d records. `trovectl plan` shows what differs.\n",
		op.address, session.Snapshot().Serial, len(batch.PutRecords))
	return nil
}

// match takes each machine as the declared instance of its name, or, where that is not one alone, of the address that it
// was made for. It returns those that are neither.
func (a *adoption) match(machines []observe.Machine) (unknown []observe.Machine) {
	byName, byAddress := map[string][]observe.Machine{}, map[string][]observe.Machine{}
	for _, m := range machines {
		byName[m.Name] = append(byName[m.Name], m)
		byAddress[m.Address] = append(byAddress[m.Address], m)
	}
	taken := map[state.MemberID]bool{}
	for _, r := range a.config.Set.Sorted() {
		body, ok := r.Body.(*resource.Instance)
		if !ok {
			continue
		}
		fit := byName[body.Name]
		if len(fit) != 1 {
			fit = byAddress[r.Address.String()]
		}
		if len(fit) == 1 && !taken[fit[0].Member.ID] && a.cloud.ProviderOf(fit[0].Member.Objects[state.SlotServer].ID) == body.Provider {
			taken[fit[0].Member.ID] = true
			a.instance(r, fit[0])
		}
	}
	return slices.DeleteFunc(slices.Clone(machines), func(m observe.Machine) bool { return taken[m.Member.ID] })
}

// unfitToo takes back the machines that cannot be what their block says, and tells of them.
func (a *adoption) unfitToo(unknown *[]observe.Machine) (list diag.List) {
	for _, at := range slices.SortedFunc(maps.Keys(a.machines), resource.Address.Compare) {
		why := a.unfit(at)
		if why == "" {
			continue
		}
		list = list.Warnf("rebuild", nil, fmt.Sprintf("%s was not recorded", at), "It has the name of %s. %s", standing(a.machines[at]), diag.Sentence(why))
		*unknown = append(*unknown, a.machines[at])
		delete(a.machines, at)
		for address, record := range a.snapshot.Records {
			if host := record.Body.References()["instance"]; address == at || host == at {
				delete(a.snapshot.Records, address)
			}
		}
	}
	return list
}

// whyNot says of the guests of all machines why they did not answer.
func (a *adoption) whyNot() string {
	text := ""
	for _, at := range slices.SortedFunc(maps.Keys(a.machines), resource.Address.Compare) {
		text += fmt.Sprintf("\n  - %s: %s", at, a.silent(at))
	}
	return text + "\n"
}

// standing names what there is of a machine: its server, else its volume.
func standing(machine observe.Machine) string {
	for _, slot := range []state.Slot{state.SlotServer, state.SlotVolume} {
		if object, there := machine.Member.Objects[slot]; there {
			return fmt.Sprintf("%s %s (%s)", slot, object.ID, machine.Name)
		}
	}
	return machine.Name
}

// tell says what is recorded, and what could not be matched or known.
func (a *adoption) tell(told []state.Record, unknown []observe.Machine) (list diag.List) {
	for _, record := range told {
		line := record.Address.String()
		if machine, ok := a.machines[record.Address]; ok {
			line += ": " + standing(machine)
		}
		_, _ = fmt.Fprintln(a.streams.Out, line)
	}
	for _, at := range slices.SortedFunc(maps.Keys(a.machines), resource.Address.Compare) {
		if why := a.silent(at); why != "" {
			list = list.Warnf("rebuild", nil, fmt.Sprintf("What is in %s is not known", at),
				"It was recorded as far as the cloud tells, its databases and users were not. %s", diag.Sentence(why))
		}
	}
	for _, machine := range unknown {
		list = list.Warnf("rebuild", nil, fmt.Sprintf("%s is not what any block declares", machine.Name),
			"The %s bears this state's mark. It stays as it is and is no orphan. To record it, declare it and run `trovectl import ADDRESS SERVER_UUID`; it was made for %s.",
			standing(machine), cmp.Or(machine.Address, "an address that is not known"))
	}
	return list
}
