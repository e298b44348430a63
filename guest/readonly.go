package guest

import "context"

// ReadOnly narrows a handler to the methods that change nothing; the others are KindDenied.
func ReadOnly(handler Handler) Handler { return readOnly{handler} }

type readOnly struct{ next Handler }

func (r readOnly) Handle(ctx context.Context, request Request) Reply {
	// A method this side does not know is refused too: it might change something.
	if request.Method.Changes() {
		return Answer(request.ID, nil, Errorf(KindDenied, "this channel only reads: %q is not allowed here",
			clip(string(request.Method))))
	}
	return r.next.Handle(ctx, request)
}
