package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// putRecord records the step's wanted body as ready.
func (a *act) putRecord(role state.RoleID, body resource.Body) state.Record {
	return state.Record{
		Address: a.step.Address, Body: body, Status: state.Ready, Protect: a.step.Protect, DependsOn: a.step.DependsOn, Role: role,
	}
}

// recordOnly is the whole work of kinds without an object in the cloud.
func (a *act) recordOnly(ctx context.Context, computed map[string]string) error {
	if a.step.Action == plan.Delete {
		return a.dropRecord(ctx)
	}
	record := a.putRecord("", a.step.After.Body)
	record.Computed = computed
	return a.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{record}})
}

// dropRecord forgets a record, with what earlier lives left open of it; one that is gone is a success.
func (a *act) dropRecord(ctx context.Context) error {
	record, known := a.journal.Record(a.step.Address)
	if !known {
		return nil
	}
	batch := state.Batch{DropRecords: []resource.Address{a.step.Address}}
	if member, ok := a.journal.MemberOf(record.Role); ok {
		batch.End = a.journal.Hands(member.ID, a.step.Address).Leftovers()
	}
	return a.journal.Commit(ctx, batch)
}

// letGo ends what an earlier life left open for something that was never recorded. Nothing else is touched.
func (a *act) letGo(ctx context.Context) error {
	left := a.journal.Hands(state.MemberID(a.step.Member), a.step.Address).Leftovers()
	if len(left) == 0 {
		return nil
	}
	return a.journal.Commit(ctx, state.Batch{End: left})
}

// abandons tells whether a removal is of something that was never recorded.
func (a *act) abandons() bool { return a.step.Action == plan.Delete && a.step.Before.IsZero() }

// inside is the way to what lives in an instance: its guest, its role, and hands that journal for this step.
type inside struct {
	client channel
	role   state.RoleID
	hands  *journaled.Hands
}

// enter opens the way to the guest of an instance. The caller closes its client.
func (a *act) enter(ctx context.Context, instance resource.Address) (inside, error) {
	member, role, err := a.host(instance)
	if err != nil {
		return inside{}, err
	}
	client, err := a.reach(ctx, member)
	if err != nil {
		return inside{}, err
	}
	return inside{client, role, a.journal.Hands(member.ID, a.step.Address)}, nil
}

// subject is the body that the step is about: what is wanted, or what is to be removed.
func (a *act) subject() resource.Body {
	if a.step.Action == plan.Delete {
		return a.step.Before.Body
	}
	return a.step.After.Body
}

// put is a journaled request that makes something in a guest what its body says. A new one is recorded before it is asked
// for, so that it is found again when its block is gone by then.
func (a *act) put(in inside, what string, asked any, do func(context.Context, string) error, done func() resource.Body) journaled.Request {
	return journaled.Request{
		Slot: what + "/" + a.step.Address.String(), Asked: asked, Do: a.timeLimit(do),
		Enroll: func(b *state.Batch) {
			if _, known := a.journal.Record(a.step.Address); !known {
				record := a.putRecord(in.role, a.step.After.Body)
				record.Status = state.Creating
				b.PutRecords = append(b.PutRecords, record)
			}
		},
		Record: func(b *state.Batch) {
			b.PutRecords, b.End = append(b.PutRecords, a.putRecord(in.role, done())), in.hands.Leftovers()
		},
	}
}

// dropped is a journaled request that removes something, and its record with it.
func (a *act) dropped(in inside, what string, asked any, do func(context.Context, string) error) journaled.Request {
	return journaled.Request{
		Slot: what + "/" + a.step.Address.String(), Asked: asked, Do: a.timeLimit(do),
		Record: func(b *state.Batch) {
			b.End = in.hands.Leftovers()
			if _, known := a.journal.Record(a.step.Address); known {
				b.DropRecords = append(b.DropRecords, a.step.Address)
			}
		},
	}
}

// host is the machine that serves as an instance's role, with the role.
func (a *act) host(instance resource.Address) (state.Member, state.RoleID, error) {
	record, ok := a.journal.Record(instance)
	if !ok {
		return state.Member{}, "", fmt.Errorf("%s is not recorded: it must be made first", instance)
	}
	member, ok := a.journal.MemberOf(record.Role)
	if !ok {
		return state.Member{}, "", fmt.Errorf("no machine serves as %s: `trovectl state check` tells more", instance)
	}
	return member, record.Role, nil
}
