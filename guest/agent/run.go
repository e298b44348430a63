package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

const (
	// stopTime bounds the clean end of the engine when the agent is told to end.
	stopTime = 80 * time.Second
	// mostPause bounds the pause between two attempts to start an engine that crashed.
	mostPause = time.Minute
	// calmTime is how long an engine must run before its next crash counts as the first.
	calmTime = time.Minute
	// trimEvery is how often the sizes of the logs are looked at.
	trimEvery = time.Minute
	// bootWait is how long a boot waits for the data volume before the agent answers without it.
	bootWait = 5 * time.Second
)

// Run serves requests on the agent's sockets, and at its broker where it has one, and keeps the engine running until ctx ends; then it stops the engine
// cleanly.
func (a *Agent) Run(ctx context.Context) error {
	// Before anybody may ask: what was done is recorded on the data volume.
	a.boot(ctx, min(bootWait, a.config.VolumeWait))
	full, err := listen(a.paths.sockets, socketName)
	if err != nil {
		return err
	}
	reading, err := listen(a.paths.sockets, readOnlySocketName)
	if err != nil {
		return errors.Join(err, full.Close())
	}
	var work sync.WaitGroup
	work.Go(func() { a.serve(ctx, full, a) })
	work.Go(func() { a.serve(ctx, reading, guest.ReadOnly(a)) })
	work.Go(func() { a.watch(ctx) })
	work.Go(func() { a.Attend(ctx, a) })
	a.log.Info("serving", "member", a.born.Member, "engine", a.born.Engine, "version", a.config.Version)
	<-ctx.Done()
	err = a.shutdown(context.WithoutCancel(ctx))
	work.Wait()
	return err
}

// boot makes the data volume of a prepared guest available. One that is away is looked for again by watch.
func (a *Agent) boot(ctx context.Context, wait time.Duration) {
	now := a.theIdentity()
	if server, _ := a.theEngine(); server != nil || !now.Prepared {
		return
	}
	if err := a.attach(ctx, now.VolumeID, wait); err != nil {
		a.log.Error("opening the data volume", "error", err)
		return
	}
	server, _ := a.theEngine()
	a.setEngine(server, true)
}

// serve answers every connection of a socket until ctx ends.
func (a *Agent) serve(ctx context.Context, listener net.Listener, handler guest.Handler) {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })() // wakes Accept
	var work sync.WaitGroup
	defer work.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() == nil {
				a.log.Error("accepting a connection", "error", err)
				if !pause(ctx, time.Second) { // out of file descriptors, perhaps
					return
				}
				continue
			}
			return
		}
		work.Go(func() {
			if err := pipe.Serve(ctx, conn, handler); err != nil && ctx.Err() == nil {
				a.log.Warn("a connection ended", "error", err)
			}
		})
	}
}

// shutdown ends what is in work and then the engine, so that its next start is quick.
func (a *Agent) shutdown(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.cancel()
	a.work.Wait()
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := a.lock(ctx); err != nil {
		return fmt.Errorf("waiting to stop the engine: %w", err)
	}
	defer a.unlock()
	server, _ := a.theEngine()
	if server == nil {
		return nil
	}
	a.setEngine(server, false)
	a.log.Info("stopping the engine")
	if err := server.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the engine: %w", err)
	}
	return nil
}

// watch starts the engine at boot, and again when it ended by itself, with growing pauses. It leaves the engine alone
// while a request changes the guest.
func (a *Agent) watch(ctx context.Context) {
	backoff := a.config.Watch
	var healthySince, nextTry, trimmed time.Time
	for {
		now := a.config.Now()
		switch down := a.isDown(ctx); {
		case !down:
			if healthySince.IsZero() {
				healthySince = now
			}
			if now.Sub(healthySince) >= calmTime {
				backoff, nextTry = a.config.Watch, time.Time{}
			}
		case now.Before(nextTry):
			healthySince = time.Time{}
		default:
			healthySince = time.Time{}
			if a.revive(ctx) {
				nextTry = a.config.Now().Add(backoff)
				backoff = min(2*backoff, mostPause)
			}
		}
		if now.Sub(trimmed) >= trimEvery { // asking an engine for its logs costs it a session
			a.trimLogs(ctx)
			trimmed = now
		}
		if !pause(ctx, a.config.Watch) {
			return
		}
	}
}

// isDown tells whether the engine should run and does not.
func (a *Agent) isDown(ctx context.Context) bool {
	server, wanted := a.theEngine()
	if server == nil {
		return a.theIdentity().Prepared
	}
	if !wanted {
		return false
	}
	state, err := server.State(ctx)
	if err != nil {
		a.log.Warn("asking for the engine's state", "error", err)
		return false
	}
	return state.Status == guest.StatusCrashed || state.Status == guest.StatusShutdown
}

// revive starts the engine and tells whether it tried: a request in work knows better.
func (a *Agent) revive(ctx context.Context) bool {
	if !a.tryLock() {
		return false
	}
	defer a.unlock()
	a.boot(ctx, 0)
	server, wanted := a.theEngine()
	if server == nil || !wanted || !a.isDown(ctx) {
		return true
	}
	a.log.Info("starting the engine")
	if err := server.Start(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("starting the engine", "error", err)
	}
	return true
}

// pause waits and tells whether the wait was whole.
func pause(ctx context.Context, length time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(length):
		return true
	}
}
