package executor

import (
	"context"
	"errors"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// seats are what Executor.Parallel counts: a step that works has one, a step that only waits for the cloud or for an agent
// to appear has given it to another. So a fleet is not built at the speed of its slowest wait, and what the cloud is asked
// at a time stays bounded.
//
// An interruption ends the waits: what was begun goes on in the cloud, and the next apply goes on with it.
type seats struct {
	taken   chan struct{}
	ongoing context.Context // until the interruption
}

// begunPerSeat bounds the steps that are begun, working or waiting, and with them what the cloud builds at a time. One
// seat alone means one step after the other.
const begunPerSeat = 4

func newSeats(ongoing context.Context, parallel int) seats {
	return seats{taken: make(chan struct{}, max(1, parallel)), ongoing: ongoing}
}

func (s seats) begun() int {
	if cap(s.taken) == 1 {
		return 1
	}
	return begunPerSeat * cap(s.taken)
}

func (s seats) take() { s.taken <- struct{}{} }
func (s seats) give() { <-s.taken }

// aside runs a wait without the step's seat, until the interruption.
func (s seats) aside(ctx context.Context, wait func(context.Context) error) error {
	s.give()
	defer s.take()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ongoing, cancel)()
	err := wait(waiting)
	if err != nil && s.ongoing.Err() != nil && ctx.Err() == nil {
		return errWaitEnded
	}
	return err
}

// errWaitEnded is what becomes of a step that waited when the interruption came.
var errWaitEnded = errors.New("interrupted while it waited; what it waits for goes on, and the next apply goes on with it")

// errNotBegun is what becomes of a step whose turn came after the interruption.
var errNotBegun = errors.New("interrupted")

// seated is the executor whose waits are all aside.
func (e *Executor) seated(s seats) *Executor {
	with, cloud := *e, *e.Cloud
	cloud.ServerWaits = asideWaits[providers.Server]{cloud.ServerWaits, s}
	cloud.VolumeWaits = asideWaits[providers.Volume]{cloud.VolumeWaits, s}
	with.Cloud, with.Clock = &cloud, asideClock{e.Clock, s}
	return &with
}

type asideWaits[T any] struct {
	next  providers.Waiter[T]
	seats seats
}

// Wait implements providers.Waiter.
func (w asideWaits[T]) Wait(ctx context.Context, id string, done func(T, bool) (bool, error)) (object T, err error) {
	err = w.seats.aside(ctx, func(ctx context.Context) error {
		object, err = w.next.Wait(ctx, id, done)
		return err
	})
	return object, err
}

type asideClock struct {
	Clock
	seats seats
}

// Sleep implements Clock.
func (c asideClock) Sleep(ctx context.Context, d time.Duration) error {
	return c.seats.aside(ctx, func(ctx context.Context) error { return c.Clock.Sleep(ctx, d) })
}
