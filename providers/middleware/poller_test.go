package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
)

// fleet is a service whose objects are ready at a moment of their own.
type fleet struct {
	mu          sync.Mutex
	ready       map[string]time.Time
	takes       time.Duration // of a list call
	fail        error
	behind      map[string]bool // what lists do not show yet
	lists, gets int
	listed      []time.Time
}

type object struct {
	id    string
	ready bool
}

func (f *fleet) list(ctx context.Context) ([]object, error) {
	begun := time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(f.takes):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	f.listed = append(f.listed, begun)
	var all []object
	for id, at := range f.ready {
		if f.behind[id] {
			continue
		}
		all = append(all, object{id, !time.Now().Before(at)})
	}
	return all, f.fail
}

func (f *fleet) get(_ context.Context, id string) (object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	at, there := f.ready[id]
	if !there {
		return object{}, &providers.Error{Kind: providers.KindNotFound, Call: "get"}
	}
	return object{id, !time.Now().Before(at)}, f.fail
}

func (f *fleet) poller() *middleware.Poller[object] {
	return middleware.NewPoller(middleware.PollerOptions[object]{
		Call: "wait for object", List: f.list, Get: f.get, ID: func(o object) string { return o.id },
	})
}

func isReady(o object, present bool) (bool, error) { return present && o.ready, nil }

func TestAThousandWaitsShareEachTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{}, takes: 50 * time.Millisecond}
		for i := range 1000 {
			f.ready[fmt.Sprint(i)] = time.Now().Add(30*time.Second + time.Duration(i)*10*time.Millisecond)
		}
		p := f.poller()
		var wg sync.WaitGroup
		for id, at := range f.ready {
			wg.Go(func() {
				got, err := p.Wait(t.Context(), id, isReady)
				if err != nil || got.id != id || !got.ready {
					t.Errorf("waiting for %s gave %+v: %v", id, got, err)
				}
				if late := time.Since(at); late > 6*time.Second {
					t.Errorf("%s was seen %v late", id, late)
				}
			})
		}
		wg.Wait()
		if f.lists > 30 || f.gets > 3 {
			t.Errorf("40 seconds of a thousand waits cost %d lists and %d gets", f.lists, f.gets)
		}
		before := f.lists
		time.Sleep(time.Hour)
		synctest.Wait()
		if f.lists != before {
			t.Errorf("%d lists while nobody waits", f.lists-before)
		}
	})
}

// TestAListThatIsBehind: what a list lacks is absent only when the service says so by its id.
func TestAListThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"listed": time.Now(), "late": time.Now()}, behind: map[string]bool{"late": true}}
		p := f.poller()
		var wg sync.WaitGroup
		for id, want := range map[string]bool{"listed": true, "late": true, "gone": false} {
			wg.Go(func() {
				_, err := p.Wait(t.Context(), id, func(_ object, present bool) (bool, error) {
					if present != want {
						t.Errorf("%s is present: %v", id, present)
					}
					return true, nil
				})
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
			})
		}
		wg.Wait()
	})
}

// TestFewAmongThousands: what is waited for is asked for by its id, once it is known how long the list is.
func TestFewAmongThousands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{}, takes: time.Second}
		for i := range 5000 {
			f.ready[fmt.Sprint(i)] = time.Now().Add(10 * time.Second)
		}
		p := f.poller()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if got, err := p.Wait(t.Context(), fmt.Sprint(i), isReady); err != nil || !got.ready {
					t.Errorf("%d: %+v, %v", i, got, err)
				}
			})
		}
		wg.Wait()
		if f.lists != 1 || f.gets > 50*20 {
			t.Errorf("it cost %d lists and %d gets", f.lists, f.gets)
		}
	})
}

func TestAYoungWaitIsServedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"old": time.Now().Add(time.Hour), "young": time.Now().Add(10*time.Minute + time.Second)}}
		p := f.poller()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Wait(t.Context(), "old", isReady); err != nil {
				t.Errorf("%v", err)
			}
		})
		time.Sleep(10 * time.Minute) // by now the pauses are five seconds
		begun := time.Now()
		if _, err := p.Wait(t.Context(), "young", isReady); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 1500*time.Millisecond {
			t.Errorf("the young wait took %v for what was ready after 1s", took)
		}
		wg.Wait()
	})
}

func TestAWaitSeesOnlyLooksThatBeganAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"a": time.Now().Add(time.Hour), "b": time.Now().Add(time.Hour)}, takes: 2 * time.Second}
		p := f.poller()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b"} {
			wg.Go(func() { _, _ = p.Wait(ctx, id, isReady) })
		}
		synctest.Wait()
		time.Sleep(time.Second) // the first list is under way
		begun := time.Now()
		_, err := p.Wait(t.Context(), "c", func(object, bool) (bool, error) { return true, nil })
		f.mu.Lock()
		if last := f.listed[len(f.listed)-1]; err != nil || last.Before(begun) {
			t.Errorf("the wait of %v was served by the list of %v: %v", begun, last, err)
		}
		f.mu.Unlock()
		cancel()
		wg.Wait()
	})
}

func TestAWaitAloneUsesGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"a": time.Now().Add(3 * time.Second)}}
		p := f.poller()
		if _, err := p.Wait(t.Context(), "a", isReady); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wait(t.Context(), "gone", func(_ object, present bool) (bool, error) { return !present, nil }); err != nil {
			t.Fatal(err)
		}
		if f.lists != 0 || f.gets < 3 {
			t.Errorf("%d lists and %d gets", f.lists, f.gets)
		}
	})
}

func TestTroubleIsEnduredForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"a": time.Now()}, fail: &providers.Error{Kind: providers.KindTransient, Call: "list"}}
		p := f.poller()
		go func() {
			time.Sleep(100 * time.Second)
			f.mu.Lock()
			f.fail = nil
			f.mu.Unlock()
		}()
		if _, err := p.Wait(t.Context(), "a", isReady); err != nil {
			t.Errorf("100 seconds of trouble ended the wait: %v", err)
		}
		f.fail = &providers.Error{Kind: providers.KindTransient, Call: "list"}
		begun := time.Now()
		_, err := p.Wait(t.Context(), "a", isReady)
		if took := time.Since(begun); !providers.IsKind(err, providers.KindTransient) || took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("got %v after %v", err, took)
		}
		f.fail = &providers.Error{Kind: providers.KindDenied, Call: "list"}
		begun = time.Now()
		if _, err := p.Wait(t.Context(), "a", isReady); !providers.IsKind(err, providers.KindDenied) || time.Since(begun) > time.Second {
			t.Errorf("got %v after %v, want denied at once", err, time.Since(begun))
		}
	})
}

func TestWaitsEndWithTheirContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{ready: map[string]time.Time{"a": time.Now().Add(time.Hour)}, takes: time.Minute}
		p := f.poller()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b"} {
			wg.Go(func() {
				begun := time.Now()
				_, err := p.Wait(ctx, id, isReady)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
					t.Errorf("got %v after %v", err, time.Since(begun))
				}
			})
		}
		wg.Wait()
		synctest.Wait() // the list call under way ended too, else the bubble never would
	})
}
