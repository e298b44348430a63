package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/state"
)

// deleteInstance empties the slots of a member from the last to the first and then forgets it, with the records of what
// lived in it.
func (a *act) deleteInstance(ctx context.Context) error {
	record, known := a.journal.Record(a.step.Address)
	id := state.MemberID(a.step.Member)
	if known && id != "" && record.Member != id {
		known = false // a newer machine has the address
	}
	if known {
		id = record.Member
		record.Status = state.Deleting
		if err := a.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{record}}); err != nil {
			return err
		}
	}
	member, ok := a.journal.Member(id)
	if !ok {
		if !known {
			return nil // an earlier life has ended it
		}
		return fmt.Errorf("the member %s of %s is not in the state: `trovectl state check` tells more", id, a.step.Address)
	}
	hands := a.journal.Hands(id, a.step.Address)
	if err := a.clear(ctx, hands); err != nil {
		return err
	}
	for _, group := range member.Groups {
		if err := a.leave(ctx, hands, group); err != nil {
			return err
		}
	}
	batch := state.Batch{DropMembers: []state.MemberID{id}, End: intentIDs(a.journal.OpenIntents(id))}
	if known {
		batch.DropRecords, batch.DropRoles = a.journal.RecordsOf(record.Role), []state.RoleID{record.Role}
	}
	return a.journal.Commit(ctx, batch)
}

// clear empties the slots of a member from the last to the first.
func (a *act) clear(ctx context.Context, hands *journaled.Hands) error {
	for _, slot := range slices.Backward(state.Slots) {
		what := strings.ReplaceAll(string(slot), "_", " ")
		if _, filled := hands.Member().Objects[slot]; filled {
			a.progress("removing the %s", what)
		}
		remove := func() error { return hands.Delete(ctx, slot, a.maker(slot, nil)) }
		if slot == state.SlotAccount {
			remove = func() error { return a.removeAccount(ctx, hands) }
		}
		if err := remove(); err != nil {
			return fmt.Errorf("removing the %s: %w", what, err)
		}
	}
	return nil
}

func intentIDs(intents []state.Intent) []state.IntentID {
	ids := make([]state.IntentID, len(intents))
	for i, in := range intents {
		ids[i] = in.ID
	}
	return ids
}
