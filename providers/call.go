package providers

import "context"

// Call names a request to those who stand between us and the cloud: loggers, counters, limiters.
type Call struct {
	Service string // "compute", "volume", "network", "image", "object-store", "identity"
	Name    string // what is being done: "create server"; the same as in an Error
}

type callKey struct{}

// WithCall says in a context what a request made with it is for.
func WithCall(ctx context.Context, call Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallOf tells what a request is for; the zero Call when nobody said.
func CallOf(ctx context.Context) Call {
	call, _ := ctx.Value(callKey{}).(Call)
	return call
}
