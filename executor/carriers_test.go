package executor_test

import (
	"context"
	"encoding/json"

	"github.com/trovectl/trovectl/guest"
)

// answering is a carrier that answers some methods itself.
type answering struct {
	guest.Carrier
	answer func(r guest.Request) (json.RawMessage, bool, error)
}

func (a answering) Call(ctx context.Context, r guest.Request) (json.RawMessage, error) {
	if result, mine, err := a.answer(r); mine {
		return result, err
	}
	return a.Carrier.Call(ctx, r)
}

// refusing puts a guest in the way that refuses one method.
func refusing(method guest.Method, err error) func(guest.Carrier) guest.Carrier {
	return func(c guest.Carrier) guest.Carrier {
		return answering{c, func(r guest.Request) (json.RawMessage, bool, error) { return nil, r.Method == method, err }}
	}
}

// babbling puts a guest in the way that answers one method with something else.
func babbling(method guest.Method, text string) func(guest.Carrier) guest.Carrier {
	return func(c guest.Carrier) guest.Carrier {
		return answering{c, func(r guest.Request) (json.RawMessage, bool, error) {
			return json.RawMessage(text), r.Method == method, nil
		}}
	}
}
