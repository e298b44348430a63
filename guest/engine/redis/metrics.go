package redis

import (
	"context"
	"strconv"
	"strings"
)

// figures of INFO, and what they are called. Those with a dot in front are the engine's own.
var figures = map[string]string{
	"connected_clients": "connections", "maxclients": "max_connections", "total_commands_processed": "queries",
	"uptime_in_seconds": "uptime_seconds", "used_memory_dataset": "data_bytes",
	"used_memory": ".used_memory_bytes", "used_memory_rss": ".rss_bytes", "maxmemory": ".maxmemory_bytes",
	"evicted_keys": ".evicted_keys", "expired_keys": ".expired_keys", "keyspace_hits": ".keyspace_hits",
	"keyspace_misses": ".keyspace_misses", "rejected_connections": ".rejected_connections",
	"instantaneous_ops_per_sec": ".operations_per_second", "blocked_clients": ".blocked_clients",
	"rdb_changes_since_last_save": ".changes_since_save", "mem_fragmentation_ratio": ".fragmentation_ratio",
}

// Metrics implements engine.Metered.
func (e *Engine) Metrics(ctx context.Context) (map[string]float64, error) {
	s, err := e.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	info, err := s.info(ctx)
	if err != nil {
		return nil, fault("reading the figures", err)
	}
	out := map[string]float64{}
	for theirs, name := range figures {
		if value, err := strconv.ParseFloat(info[theirs], 64); err == nil {
			if strings.HasPrefix(name, ".") {
				name = e.product.manager + name
			}
			out[name] = value
		}
	}
	keys := 0.0
	for name, text := range info {
		// "db0:keys=1,expires=0,avg_ttl=0"
		count, _, _ := strings.Cut(strings.TrimPrefix(text, "keys="), ",")
		if number, isDatabase := strings.CutPrefix(name, "db"); isDatabase && strings.Trim(number, "0123456789") == "" {
			if n, err := strconv.ParseFloat(count, 64); err == nil {
				keys += n
			}
		}
	}
	out[e.product.manager+".keys"] = keys
	return out, nil
}
