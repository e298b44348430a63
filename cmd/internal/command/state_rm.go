package command

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

var stateRmSpec = spec{
	synopsis: "Forget records; nothing in the cloud or in a guest is touched",
	usage:    "trovectl state rm [options] ADDRESS...",
	flags: func(f *flags) {
		f.variables()
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
		f.set.BoolVar(&f.dryRun, "dry-run", false, "say what would be forgotten, and forget nothing")
	},
	run: func(m *Meta, f *flags) int {
		if len(f.args) == 0 {
			return m.fail("this command takes one address or more")
		}
		return m.locked(f, "state rm", func(ctx context.Context, _ *config.Config, session state.Session) diag.List {
			return m.forget(ctx, session, f)
		})
	},
}

// locked runs a command on the state alone, under its lock, unless the run of a saved plan is open, which goes on with what
// it knows of the records.
func (m *Meta) locked(f *flags, operation string, do func(context.Context, *config.Config, state.Session) diag.List) int {
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	store, address, err := m.openStore(c)
	if err != nil {
		return m.report(append(list, stateDiagnostic(err, address)))
	}
	session, err := store.Lock(ctx, state.LockRequest{Holder: m.holder(operation), Wait: f.lockTimeout})
	if err != nil {
		return m.report(append(list, stateDiagnostic(err, address)))
	}
	if list = append(list, noRun(session.Snapshot())...); !list.HasErrors() {
		list = append(list, do(ctx, c, session)...)
	}
	if err := session.Close(); err != nil {
		list = append(list, stateDiagnostic(err, address))
	}
	return m.report(list)
}

// noRun refuses to change records while the run of a saved plan is open.
func noRun(s *state.Snapshot) diag.List {
	if s.Run == nil {
		return nil
	}
	return diag.List{{
		Severity: diag.Error, Summary: "The apply of a saved plan has not ended",
		Detail: fmt.Sprintf("The plan %s was begun at %s by %s, and goes on with what it knows of the records. Nothing was changed.",
			s.Run.PlanDigest[:min(12, len(s.Run.PlanDigest))], begunAt(s.Run), s.Run.Who),
		Hint: "Apply that plan again. If it is not wanted any more, `trovectl apply` without a file takes its place.",
	}}
}

func (m *Meta) forget(ctx context.Context, session state.Session, f *flags) (list diag.List) {
	before := session.Snapshot()
	chosen, err := recordedAs(before, f.args)
	if err != nil {
		return list.Errorf(nil, "There is no such record", "%v. Nothing was changed.", err)
	}
	batch, err := state.Forget(before, chosen)
	if err != nil {
		return list.Errorf(nil, "The records cannot be forgotten", "%v. Nothing was changed.", err)
	}
	if f.dryRun {
		_, _ = fmt.Fprintf(m.streams.Out, "Would forget: %s.\n", addressList(batch.DropRecords))
		return nil
	}
	if err := session.Commit(ctx, batch); err != nil {
		return append(list, stateDiagnostic(err, ""))
	}
	m.tellForgotten(before, chosen, batch.DropRecords)
	return nil
}

// recordedAs lists the records that are named by address, or all of a block.
func recordedAs(s *state.Snapshot, texts []string) ([]resource.Address, error) {
	var chosen []resource.Address
	for _, text := range texts {
		if _, err := resource.ParseAddress(text); err != nil {
			return nil, err
		}
		n := len(chosen)
		for _, r := range s.Sorted() {
			if matches(r.Address, []string{text}) {
				chosen = append(chosen, r.Address)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("%s is not in the state; `trovectl state list` lists what is", text)
		}
	}
	slices.SortFunc(chosen, resource.Address.Compare)
	return slices.Compact(chosen), nil
}

// tellForgotten says what is no longer recorded, what became of it, and how it is taken back.
func (m *Meta) tellForgotten(before *state.Snapshot, chosen, gone []resource.Address) {
	var back []string
	for _, address := range chosen {
		host, lives := before.Records[address].Body.References()["instance"]
		if lives && slices.Contains(gone, host) {
			continue // it is taken back with its instance
		}
		if id := importID(before, before.Records[address]); id != "" {
			back = append(back, fmt.Sprintf("  trovectl import '%s' '%s'", address, id))
		}
	}
	text := fmt.Sprintf("Forgotten: %s.\nNothing in the cloud or in a guest was touched, and no plan removes what stands there.\n", addressList(gone))
	if slices.ContainsFunc(chosen, func(a resource.Address) bool { return a.Kind == resource.KindInstance }) {
		text += "An instance that is declared still gets another, empty machine from the next apply.\n"
	}
	if len(back) > 0 {
		text += "To take it back:\n" + strings.Join(back, "\n") + "\n"
	}
	_, _ = fmt.Fprint(m.streams.Out, text)
}

func addressList(all []resource.Address) string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// importID is what `import` finds a recorded resource by; empty: there is nothing in the cloud to find.
func importID(s *state.Snapshot, r state.Record) string {
	member, _ := s.MemberOf(r.Role)
	server := member.Objects[state.SlotServer].ID
	if server == "" {
		return ""
	}
	switch body := r.Body.(type) {
	case *resource.Instance:
		return server
	case *resource.Database:
		return server + "/" + url.PathEscape(body.Name)
	case *resource.User:
		return server + "/" + url.PathEscape(body.Name) + "@" + url.PathEscape(body.Host)
	default:
		return ""
	}
}
