package journaled

import (
	"context"
	"fmt"
	"time"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Maker makes, finds and removes the object of one slot.
type Maker interface {
	// Make asks the cloud for the object, with this mark in the create call, and returns its id. It waits for nothing.
	Make(ctx context.Context, mark providers.Mark) (id string, err error)
	// Find looks for an object with this mark. A complete look that finds nothing is ("", nil).
	Find(ctx context.Context, mark providers.Mark) (id string, err error)
	// Remove deletes the object and returns when it is gone. One that is not there is a success.
	Remove(ctx context.Context, id string) error
}

// Create fills a slot and returns the object's id: the recorded one, the one that an earlier life asked for and never
// recorded, or a new one. When it returns an id, that id is recorded.
func (h *Hands) Create(ctx context.Context, slot state.Slot, maker Maker) (id string, adopted bool, err error) {
	if open, ok := h.journal.Open(h.member, string(slot)); ok && open.Operation == state.OpDelete {
		// An earlier life was emptying the slot: what is recorded in it may be gone already, so that has its end first.
		if err := h.Delete(ctx, slot, maker); err != nil {
			return "", false, err
		}
	}
	if object, ok := h.Member().Objects[slot]; ok {
		return object.ID, false, nil
	}
	intent, reopened, err := h.begin(ctx, state.Intent{Slot: string(slot), Operation: state.OpCreate}, nil)
	if err != nil {
		return "", false, err
	}
	if reopened {
		id, err := h.findMade(ctx, intent, maker)
		if err != nil {
			return "", false, err
		}
		if id != "" {
			return id, true, h.fill(ctx, slot, intent, id)
		}
	}
	id, err = maker.Make(ctx, h.Mark(intent.ID))
	if err == nil {
		return id, false, h.fill(ctx, slot, intent, id)
	}
	return h.failedCreate(ctx, slot, intent, maker, err)
}

// A service goes on with a request whose sender has died: what it makes may appear only after a look that found nothing.
// How long that takes, nobody tells. The looks themselves show how slow the service is, so this many of them, counted from
// the intent, are waited for, and no longer than inFlight.
const (
	slowerThanALook = 100
	inFlight        = time.Minute
)

// findMade looks for what an earlier life asked for, until that can hardly be under way any more; "" when nothing was made.
func (h *Hands) findMade(ctx context.Context, in state.Intent, maker Maker) (string, error) {
	for {
		begun := h.journal.now()
		id, err := maker.Find(ctx, h.Mark(in.ID))
		if err != nil {
			return "", fmt.Errorf("looking for the %s that an earlier run may have made: %w", in.Slot, err)
		}
		now := h.journal.now()
		look := now.Sub(begun)
		if id != "" || now.Sub(in.Begun) >= min(slowerThanALook*look, inFlight) {
			return id, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(look):
		}
	}
}

// failedCreate decides by the kind of error alone whether something may have been made.
func (h *Hands) failedCreate(ctx context.Context, slot state.Slot, in state.Intent, maker Maker, cause error) (string, bool, error) {
	if !providers.IsKind(cause, providers.KindTransient) {
		if ctx.Err() != nil {
			return "", false, cause // cut short: unknown, stays open
		}
		return "", false, h.end(ctx, in, cause)
	}
	id, err := maker.Find(ctx, h.Mark(in.ID))
	if err != nil || id == "" {
		return "", false, cause // the intent stays open: the next run looks again before it asks again
	}
	return id, true, h.fill(ctx, slot, in, id)
}

func (h *Hands) fill(ctx context.Context, slot state.Slot, in state.Intent, id string) error {
	m := h.Member()
	if m.Objects == nil {
		m.Objects = map[state.Slot]state.Object{}
	}
	m.Objects[slot] = state.Object{ID: id, Intent: in.ID}
	return h.journal.Commit(ctx, state.Batch{PutMembers: []state.Member{m}, End: []state.IntentID{in.ID}})
}

// Delete empties a slot: what is recorded in it, or what an earlier life asked for and never recorded. When it returns
// nil the object is gone and the slot is empty in the record.
func (h *Hands) Delete(ctx context.Context, slot state.Slot, maker Maker) error {
	if err := h.settle(ctx, slot, maker); err != nil {
		return err
	}
	object, ok := h.Member().Objects[slot]
	if !ok {
		return nil
	}
	intent, _, err := h.begin(ctx, state.Intent{Slot: string(slot), Operation: state.OpDelete, Digest: object.ID}, nil)
	if err != nil {
		return err
	}
	if err := maker.Remove(ctx, object.ID); err != nil {
		return err // stays open: a rerun goes on
	}
	m := h.Member()
	delete(m.Objects, slot)
	return h.journal.Commit(ctx, state.Batch{PutMembers: []state.Member{m}, End: []state.IntentID{intent.ID}})
}

// settle turns an open create of a slot into a recorded object, or ends it when nothing was made.
func (h *Hands) settle(ctx context.Context, slot state.Slot, maker Maker) error {
	open, ok := h.journal.Open(h.member, string(slot))
	if !ok || open.Operation != state.OpCreate {
		return nil
	}
	id, err := h.findMade(ctx, open, maker)
	if err != nil {
		return err
	}
	if id != "" {
		return h.fill(ctx, slot, open, id)
	}
	return h.journal.Commit(ctx, state.Batch{End: []state.IntentID{open.ID}})
}

// Forget empties a slot whose object is known to be gone.
func (h *Hands) Forget(ctx context.Context, slot state.Slot) error {
	return h.Update(ctx, func(m *state.Member) { delete(m.Objects, slot) })
}
