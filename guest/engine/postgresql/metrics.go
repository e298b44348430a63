package postgresql

import "context"

const metricsQuery = `SELECT
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())::float8,
	(SELECT reset_val FROM pg_settings WHERE name = 'max_connections')::float8,
	sum(xact_commit + xact_rollback)::float8, extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8,
	sum(blks_hit)::float8, sum(blks_read)::float8, sum(deadlocks)::float8, sum(temp_bytes)::float8,
	(SELECT sum(pg_database_size(oid)) FROM pg_database)::float8,
	CASE WHEN pg_is_in_recovery() THEN coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) ELSE -1 END::float8
	FROM pg_stat_database`

// Metrics implements engine.Metered. The server counts transactions where others count statements.
func (e *Engine) Metrics(ctx context.Context) (map[string]float64, error) {
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	defer s.close()
	names := []string{
		"connections", "max_connections", "queries", "uptime_seconds", "postgresql.blocks_hit", "postgresql.blocks_read", "postgresql.deadlocks",
		"postgresql.temp_bytes", "data_bytes", "lag_seconds",
	}
	// What this session did is counted before it counts.
	if err := s.exec(ctx, "SELECT pg_stat_force_next_flush()"); err != nil {
		return nil, fault("measuring", err)
	}
	values, targets := make([]float64, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := s.conn.QueryRow(ctx, metricsQuery).Scan(targets...); err != nil {
		return nil, fault("measuring", err)
	}
	out := make(map[string]float64, len(names))
	for i, name := range names {
		out[name] = values[i]
	}
	if out["lag_seconds"] < 0 {
		delete(out, "lag_seconds") // it follows nobody
	}
	return out, nil
}
