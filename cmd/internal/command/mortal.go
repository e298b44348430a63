//go:build killpoints

package command

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/trovectl/trovectl/state"
)

// What the crash tests tell a trovectl that was built for them.
const (
	killTrace   = "TROVE_KILL_TRACE"   // the file that gets one line for each point; none: there are no points
	killPoint   = "TROVE_KILL_POINT"   // the number of the point at which the process ends, from 1; none: it lives
	killRequest = "TROVE_KILL_REQUEST" // haste.request
	killLease   = "TROVE_KILL_LEASE"   // haste.lease
)

// mortal makes every transaction of a store a point at which this process can end, just before it and just after it.
func (m *Meta) mortal(store state.Store) state.Store {
	if m.env[killTrace] == "" {
		return store
	}
	at, _ := strconv.Atoi(m.env[killPoint])
	return mortalStore{store, &life{at: at, trace: m.env[killTrace]}}
}

// life counts points.
type life struct {
	mu    sync.Mutex
	seen  int
	at    int
	trace string
}

func (l *life) point(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	file, err := os.OpenFile(l.trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(file, l.seen, what)
		_ = file.Close()
	}
	if err != nil {
		panic(err) // a point that nobody hears of would be one that nobody tries
	}
	if l.seen == l.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing else happens in this life
	}
}

type mortalStore struct {
	state.Store
	life *life
}

func (s mortalStore) Lock(ctx context.Context, request state.LockRequest) (state.Session, error) {
	s.life.point("before lock")
	session, err := s.Store.Lock(ctx, request)
	if err != nil {
		return nil, err
	}
	s.life.point("after lock")
	return mortalSession{session, s.life}, nil
}

type mortalSession struct {
	state.Session
	life *life
}

func (s mortalSession) Commit(ctx context.Context, batch state.Batch) error {
	what := describe(batch)
	s.life.point("before commit" + what)
	err := s.Session.Commit(ctx, batch)
	s.life.point("after commit" + what)
	return err
}

func (s mortalSession) Close() error {
	s.life.point("before unlock")
	return s.Session.Close()
}

// describe says what a transaction is for, without anything that it holds.
func describe(batch state.Batch) (what string) {
	for _, in := range batch.Begin {
		what += fmt.Sprintf(" begin %s %s %s", in.Operation, in.Slot, in.Address)
	}
	for _, r := range batch.PutRecords {
		what += fmt.Sprintf(" record %s", r.Address)
	}
	for _, a := range batch.DropRecords {
		what += fmt.Sprintf(" drop %s", a)
	}
	if len(batch.End) > 0 {
		what += fmt.Sprintf(" end %d", len(batch.End))
	}
	return what
}

// haste is what the tests ask for, so that a cloud which hangs and a lock whose holder died are tried in seconds.
func (m *Meta) haste() (h haste) {
	h.request, _ = time.ParseDuration(m.env[killRequest])
	h.lease, _ = time.ParseDuration(m.env[killLease])
	return h
}
