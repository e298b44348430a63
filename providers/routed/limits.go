package routed

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

func theLimits(c *providers.Cloud) providers.Limits { return c.Limits }

// limits are those of every cloud; each says of which.
type limits struct{ *router }

func (r limits) gather(ctx context.Context, read func(context.Context, providers.Limits) ([]providers.Limit, error)) ([]providers.Limit, error) {
	return gather(ctx, r.router, theLimits, read, func(alias string, l providers.Limit) providers.Limit {
		l.Provider = alias
		return l
	})
}

// Compute implements providers.Limits.
func (r limits) Compute(ctx context.Context) ([]providers.Limit, error) {
	return r.gather(ctx, func(ctx context.Context, l providers.Limits) ([]providers.Limit, error) { return l.Compute(ctx) })
}

// Storage implements providers.Limits.
func (r limits) Storage(ctx context.Context) ([]providers.Limit, error) {
	return r.gather(ctx, func(ctx context.Context, l providers.Limits) ([]providers.Limit, error) { return l.Storage(ctx) })
}

// Network implements providers.Limits.
func (r limits) Network(ctx context.Context) ([]providers.Limit, error) {
	return r.gather(ctx, func(ctx context.Context, l providers.Limits) ([]providers.Limit, error) { return l.Network(ctx) })
}
