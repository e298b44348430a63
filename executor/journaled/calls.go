package journaled

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Request is a change of something that exists, in the cloud or in the guest.
type Request struct {
	Slot        string // "what/whom", such as "put_user/user.app": one open request at a time
	Asked       any    // what is asked, without secrets: an interrupted request that asked the same is continued
	MayHoldData bool   // from this request on the volume may hold data
	// Enroll is what must be known before the request is carried out, for the transaction that begins the intent: with it
	// a thing that was made and never recorded is found again by its record. May be nil.
	Enroll func(*state.Batch)
	// Do carries the request out. id is the intent's: the request id for a guest. It may be run again with the same id.
	Do func(ctx context.Context, id string) error
	// Record is what became of it, for the transaction that ends the intent. It is called after Do returned nil. May be nil.
	Record func(*state.Batch)
}

// Call makes the intent durable, carries the request out and records it. When it returns nil, all of that happened once.
func (h *Hands) Call(ctx context.Context, r Request) error {
	digest, err := digestOf(r.Asked)
	if err != nil {
		return err
	}
	intent, _, err := h.begin(ctx, state.Intent{
		Slot: r.Slot, Operation: state.OpCall, Digest: digest, MayHoldData: r.MayHoldData,
	}, r.Enroll)
	if err != nil {
		return err
	}
	if err := r.Do(ctx, string(intent.ID)); err != nil {
		if answered(err) {
			return h.end(ctx, intent, err)
		}
		return err // whether it was done is unknown: the next run asks again with the same id
	}
	batch := state.Batch{End: []state.IntentID{intent.ID}}
	if r.Record != nil {
		r.Record(&batch)
	}
	return h.journal.Commit(ctx, batch)
}

// answered tells whether the other side has certainly refused, so that nothing is under way any more.
func answered(err error) bool {
	var fromGuest *guest.Error
	if errors.As(err, &fromGuest) {
		return fromGuest.Kind != guest.KindUnreachable && fromGuest.Kind != guest.KindTimeout
	}
	var fromCloud *providers.Error
	if errors.As(err, &fromCloud) {
		return fromCloud.Kind != providers.KindTransient
	}
	return false
}

func digestOf(asked any) (string, error) {
	data, err := json.Marshal(asked)
	if err != nil {
		return "", fmt.Errorf("encoding a request for the journal: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12]), nil
}
