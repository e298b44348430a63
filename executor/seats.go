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
type seats chan struct{}

// begunPerSeat bounds the steps that are begun, working or waiting, and with them what the cloud builds at a time. One
// seat alone means one step after the other.
const begunPerSeat = 4

func newSeats(parallel int) seats { return make(seats, max(1, parallel)) }

func (s seats) begun() int {
	if cap(s) == 1 {
		return 1
	}
	return begunPerSeat * cap(s)
}

func (s seats) take() { s <- struct{}{} }
func (s seats) give() { <-s }

// aside runs a wait without the step's seat.
func (s seats) aside(wait func() error) error {
	s.give()
	defer s.take()
	return wait()
}

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
	err = w.seats.aside(func() error {
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
	return c.seats.aside(func() error { return c.Clock.Sleep(ctx, d) })
}
