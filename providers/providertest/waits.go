package providertest

import (
	"context"
	"errors"
	"sync"

	"github.com/trovectl/trovectl/providers"
)

var waitClauses = []clause{
	{"many waits share their list calls", func(k *kit) {
		const many = 8 // as many as Nova's and Cinder's own quotas allow
		var ids []string
		for range many {
			ids = append(ids, must(k.Cloud.Servers.Create(k.ctx, k.spec(k.port().ID)))(k).ID)
		}
		before := 0
		if k.ListCalls != nil {
			before = k.ListCalls()
		}
		// Nobody is done before everybody looked four times, so that all wait through the same ticks.
		var mu sync.Mutex
		looks, joined := map[string]int{}, false
		patient := func(id string) func(providers.Server, bool) (bool, error) {
			return func(s providers.Server, present bool) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				looks[id]++
				least := looks[id]
				for _, other := range ids {
					least = min(least, looks[other])
				}
				if least >= 1 && !joined {
					// From here on all of them wait; how long the first one waited alone is the scheduler's business.
					joined = true
					if k.ListCalls != nil {
						before = k.ListCalls()
					}
					clear(looks)
					for _, other := range ids {
						looks[other] = 1
					}
				}
				return joined && least >= 5 && present && s.Status == "ACTIVE", nil
			}
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(k.ctx, k.Patience)
				defer cancel()
				if got, err := k.Cloud.ServerWaits.Wait(ctx, id, patient(id)); err != nil || got.ID != id {
					k.Errorf("waiting for %s gave %q: %v", id, got.ID, err)
				}
			})
		}
		wg.Wait()
		if k.ListCalls == nil {
			return
		}
		total := 0
		for _, n := range looks {
			total += n
		}
		if lists := k.ListCalls() - before; lists > total/2 {
			k.Errorf("%d waits that looked %d times in all cost %d list calls", many, total, lists)
		}
	}},
	{"a wait ends with its context", func(k *kit) {
		server := k.server()
		ctx, cancel := context.WithCancel(k.ctx)
		defer cancel()
		got, err := k.Cloud.ServerWaits.Wait(ctx, server.ID, func(providers.Server, bool) (bool, error) {
			cancel()
			return false, nil
		})
		if !errors.Is(err, context.Canceled) {
			k.Errorf("got %v, want a context that was cancelled", err)
		}
		if got.ID != server.ID {
			k.Errorf("the wait gave %q, want the server as it was last seen", got.ID)
		}
	}},
	{"a wait ends with the error of its condition", func(k *kit) {
		server := k.server()
		enough := errors.New("enough")
		got, err := k.Cloud.ServerWaits.Wait(k.ctx, server.ID, func(providers.Server, bool) (bool, error) { return false, enough })
		if !errors.Is(err, enough) || got.ID != server.ID {
			k.Errorf("got %q and %v, want %q and %v", got.ID, err, server.ID, enough)
		}
	}},
	{"a wait says what a complete list lacks", func(k *kit) {
		_, err := k.Cloud.VolumeWaits.Wait(k.ctx, "ffffffff-ffff-4fff-8fff-ffffffffffff", func(_ providers.Volume, present bool) (bool, error) {
			return !present, nil
		})
		k.ok(err)
	}},
}
