package observe

import (
	"context"
	"slices"
	"sync"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// limits asks each service what the project may have, where the configuration asks for more than is recorded. A service
// that does not answer leaves its limits unknown.
func (l *look) limits(ctx context.Context) []func() error {
	service := l.sources.Cloud.Limits
	if service == nil || !l.more() {
		return nil
	}
	var mu sync.Mutex
	l.out.Limits = map[planner.Limited]planner.Limit{}
	job := func(read func(context.Context) ([]providers.Limit, error)) func() error {
		return func() error {
			all, err := read(ctx)
			mu.Lock()
			defer mu.Unlock()
			for _, limit := range all {
				l.out.Limits[planner.Limited{Provider: limit.Provider, Resource: limit.Resource}] = planner.Limit{Max: limit.Max, Used: limit.Used}
			}
			return err
		}
	}
	return []func() error{job(service.Compute), job(service.Storage), job(service.Network)}
}

// more tells whether an instance is declared that is not recorded as ready, as large, and as open.
func (l *look) more() bool {
	for address, r := range l.desired.Resources {
		want, ok := r.Body.(*resource.Instance)
		if !ok {
			continue
		}
		record := l.prior.Records[address]
		had, ready := record.Body.(*resource.Instance)
		switch {
		case !ready || record.Status != state.Ready,
			want.Volume != nil && had.Volume != nil && want.Volume.Size > had.Volume.Size,
			!slices.Equal(want.Openings(), had.Openings()), !slices.Equal(want.ManagementOpenings(), had.ManagementOpenings()):
			return true
		}
	}
	return false
}
