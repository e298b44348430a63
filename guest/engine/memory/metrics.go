package memory

import (
	"cmp"
	"context"
	"strconv"
)

// Metrics implements engine.Metered.
func (e *Engine) Metrics(context.Context) (map[string]float64, error) {
	leave, err := e.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	out := map[string]float64{"connections": 0, "queries": 0, "data_bytes": 0, "uptime_seconds": e.now().Sub(e.startedAt).Seconds()}
	if limit, err := strconv.ParseFloat(cmp.Or(e.value("max_connections"), e.value("maxclients")), 64); err == nil {
		out["max_connections"] = limit
	}
	return out, nil
}
