package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/trovectl/trovectl/guest"
)

// An operation is a changing request in work. reply may be read once done is closed.
type operation struct {
	method guest.Method
	done   chan struct{}
	reply  guest.Reply
}

// change answers a changing request: with the recorded outcome, with that of the same request in work, or by doing it.
func (a *Agent) change(ctx context.Context, request guest.Request) guest.Reply {
	op, known := a.join(request)
	if known != nil {
		return *known
	}
	select {
	case <-op.done:
		return op.reply
	case <-ctx.Done():
		return guest.Answer(request.ID, nil, guest.Errorf(guest.KindTimeout,
			"%s is still in work; ask again with the same id", request.Method))
	}
}

// join finds the outcome of the request, or else the operation that will have it.
func (a *Agent) join(request guest.Request) (*operation, *guest.Reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if op, ok := a.running[request.ID]; ok {
		return op, reused(request, op.method)
	}
	if past, ok := a.outcomes.seen(request.ID); ok {
		if reply := reused(request, past.Method); reply != nil {
			return nil, reply
		}
		if past.Done {
			return nil, &guest.Reply{Version: guest.Version, ID: request.ID, Result: past.Result, Error: past.Error}
		}
	}
	if a.closed {
		reply := guest.Answer(request.ID, nil, errStopping)
		return nil, &reply
	}
	op := &operation{method: request.Method, done: make(chan struct{})}
	a.running[request.ID] = op
	a.work.Go(func() { a.operate(op, request) })
	return op, nil
}

// reused refuses an id that stands for another method: two intents can never share one.
func reused(request guest.Request, method guest.Method) *guest.Reply {
	if method == request.Method {
		return nil
	}
	reply := guest.Answer(request.ID, nil, guest.Errorf(guest.KindInvalid,
		"the request id %q already belongs to %s, and now asks for %s", request.ID, method, request.Method))
	return &reply
}

// operate runs the request, one at a time, between its two records.
func (a *Agent) operate(op *operation, request guest.Request) {
	defer func() {
		a.mu.Lock()
		delete(a.running, request.ID)
		a.mu.Unlock()
		close(op.done)
	}()
	op.reply = guest.Answer(request.ID, nil, errStopping)
	if a.lock(a.ctx) != nil {
		return
	}
	defer a.unlock()
	if err := a.outcomes.started(request.ID, request.Method); err != nil {
		op.reply = guest.Answer(request.ID, nil, guest.Errorf(guest.KindInternal, "%v", err))
		return
	}
	began := a.config.Now()
	a.log.Info("request", "method", request.Method, "id", request.ID)
	result, err := a.perform(request)
	if err != nil && a.ctx.Err() != nil {
		return // interrupted: it stays started, and runs again when it is asked for again
	}
	reply := guest.Answer(request.ID, result, err)
	if err := a.outcomes.done(request.Method, reply); err != nil {
		// Without a record a second request would act again, which is harmless; not answering would not be.
		a.log.Error("recording an outcome", "id", request.ID, "error", err)
	}
	a.log.Info("request done", "method", request.Method, "id", request.ID, "took", a.config.Now().Sub(began),
		"error", errorText(reply.Error))
	op.reply = reply
}

// perform dispatches the request. A defect of an engine ends the request and not the agent.
func (a *Agent) perform(request guest.Request) (result any, err error) {
	defer func() {
		if defect := recover(); defect != nil {
			a.log.Error("defect", "method", request.Method, "stack", string(debug.Stack()))
			err = guest.Errorf(guest.KindInternal, "the agent has a defect in %s; its log says where", request.Method)
		}
	}()
	perform, ok := methods[request.Method]
	if !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "this agent cannot %s", request.Method)
	}
	result, err = perform(a, a.ctx, request.Body)
	if err == nil {
		return result, nil
	}
	var known *guest.Error
	if errors.As(err, &known) {
		return nil, err
	}
	return nil, guest.Errorf(guest.KindInternal, "%s: %v", request.Method, fmt.Errorf("in the guest: %w", err))
}

func errorText(err *guest.Error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
