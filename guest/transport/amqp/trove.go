package amqp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

const (
	// troveVersion is that of the guest agent's interface in Trove 18.
	troveVersion    = "1.1"
	methodTrovePing = "rpc_ping"
	// troveMemory is how long a message is known again. Trove's messages have no time in them, so there is no bound that
	// would be safe; the vhost, in which nobody else may publish, is.
	troveMemory = 24 * time.Hour
)

// trove answers stock clients: Trove's names and shapes (trove/guestagent/api.py, trove/common/db), encrypted with the
// instance's key. Other than Trove's own agent it refuses what is in clear, under another key, or sent again.
type trove struct {
	*serving
	secure *oslo.Secure
	seen   memory
}

func newTrove(s *serving) *trove {
	return &trove{serving: s, secure: oslo.NewSecure(s.TroveKey), seen: memory{keep: troveMemory}}
}

func (t *trove) endpoint() oslo.Endpoint {
	return oslo.Endpoint{Version: troveVersion, Handle: func(ctx context.Context, r oslo.Request) (json.RawMessage, error) {
		call, err := t.secure.DecodeRequest(r)
		if err != nil {
			return nil, refusal(refusedSeal, "%v", err)
		}
		// The context is encrypted with a new random start each time.
		sum := sha256.Sum256(r.Context["context"])
		if !t.seen.first(string(sum[:]), t.Now()) {
			return nil, refusal(refusedReplay, "the message has been here before")
		}
		result, err := t.dispatch(ctx, call)
		if err != nil {
			return nil, asGuestError(err)
		}
		text, err := json.Marshal(result)
		if err != nil {
			return nil, err
		}
		return t.secure.Encode(text)
	}}
}

// asGuestError is what Trove's clients make their own exception of.
func asGuestError(err error) error {
	var known *guest.Error
	if !errors.As(err, &known) {
		return err
	}
	text, broken := json.Marshal(map[string]string{"original_message": known.Message})
	if broken != nil {
		return broken
	}
	return &oslo.Failure{
		Class: "GuestError", Module: "trove.common.exception", Kwargs: text,
		Message: fmt.Sprintf("An error occurred communicating with the guest: %s.", known.Message),
	}
}

func (t *trove) dispatch(ctx context.Context, c oslo.Request) (any, error) {
	switch c.Method {
	case methodTrovePing:
		return true, nil
	case "get_filesystem_stats":
		return t.filesystem(ctx, c)
	case "list_databases":
		return t.listDatabases(ctx, c)
	case "list_users":
		return t.listUsers(ctx, c)
	case "get_user":
		return t.getUser(ctx, c)
	case "is_root_enabled":
		return t.isRootEnabled(ctx, c)
	case "enable_root", "enable_root_with_password":
		return t.enableRoot(ctx, c)
	case "disable_root":
		return nil, t.change(ctx, c, guest.MethodPutRoot, guest.PutRoot{})
	case "create_database":
		return nil, t.createDatabases(ctx, c)
	case "delete_database":
		return nil, t.deleteDatabase(ctx, c)
	case "create_user":
		return nil, t.createUsers(ctx, c)
	case "delete_user":
		return nil, t.deleteUser(ctx, c)
	case "change_passwords":
		return nil, t.changePasswords(ctx, c)
	case "restart":
		return nil, t.change(ctx, c, guest.MethodRestart, guest.Restart{})
	}
	return nil, oslo.NoSuchMethod(c.Method)
}

// arg reads an argument that must be there.
func arg[T any](c oslo.Request, name string) (T, error) {
	var value T
	text, there := c.Args[name]
	if !there || json.Unmarshal(text, &value) != nil {
		return value, guest.Errorf(guest.KindInvalid, "%s: the argument %s is missing or of another type", c.Method, name)
	}
	return value, nil
}

// part is the id of one of the requests that a message asks for.
func part(c oslo.Request, i int) string { return fmt.Sprintf("trove-%s-%d", cmp.Or(c.ID, c.Unique), i) }

// ask sends a request to the agent itself.
func (t *trove) ask(ctx context.Context, id string, method guest.Method, body any) (json.RawMessage, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	reply := t.handler.Handle(ctx, guest.Request{Version: guest.Version, ID: id, Method: method, Body: text})
	if err := guest.CheckReply(reply); err != nil {
		return nil, err
	}
	return reply.Result, nil
}

func (t *trove) change(ctx context.Context, c oslo.Request, method guest.Method, body any) error {
	_, err := t.ask(ctx, part(c, 0), method, body)
	return err
}

func (t *trove) inspect(ctx context.Context, c oslo.Request) (guest.Inspection, error) {
	result, err := t.ask(ctx, part(c, 0), guest.MethodInspect, guest.Inspect{})
	if err != nil {
		return guest.Inspection{}, err
	}
	return guest.DecodeBody[guest.Inspection](result)
}

func (t *trove) filesystem(ctx context.Context, c oslo.Request) (any, error) {
	seen, err := t.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	if seen.Volume == nil {
		return nil, guest.Errorf(guest.KindConflict, "the guest has no data volume")
	}
	const block = 4096
	inGB := func(bytes int64) float64 { return float64(bytes*100/(1<<30)) / 100 }
	used, free := seen.Volume.UsedBytes, seen.Volume.FreeBytes
	return map[string]any{
		"block_size": block, "total_blocks": (used + free) / block, "free_blocks": free / block,
		"total": inGB(used + free), "free": free, "used": inGB(used),
	}, nil
}

// page cuts a sorted list as Trove does, and says with which name the next one begins.
func page[T any](c oslo.Request, all []T, name func(T) string) (out []T, next any, err error) {
	var limit *int
	var marker *string
	var include bool
	for field, into := range map[string]any{"limit": &limit, "marker": &marker, "include_marker": &include} {
		if text, there := c.Args[field]; there && json.Unmarshal(text, into) != nil {
			return nil, nil, guest.Errorf(guest.KindInvalid, "%s: the argument %s is of another type", c.Method, field)
		}
	}
	out = slices.DeleteFunc(slices.Clone(all), func(item T) bool {
		return marker != nil && (name(item) < *marker || name(item) == *marker && !include)
	})
	if limit != nil && *limit > 0 && len(out) > *limit {
		out = out[:*limit]
		next = name(out[len(out)-1])
	}
	return out, next, nil
}
