package mysqlfamily

import (
	"context"
	"strconv"
	"strings"
)

// metrics are the server's figures by the name they have in guest.Metrics; the server's own begin with its name there.
var metrics = map[string]string{
	"connections": "Threads_connected", "queries": "Questions", "uptime_seconds": "Uptime",
}

var ownMetrics = []string{
	"Threads_running", "Max_used_connections", "Slow_queries", "Aborted_connects", "Created_tmp_disk_tables",
	"Innodb_buffer_pool_pages_free", "Innodb_buffer_pool_pages_total", "Innodb_buffer_pool_read_requests",
	"Innodb_buffer_pool_reads", "Innodb_row_lock_waits",
}

// Metrics implements engine.Metered: three queries.
func (e *Server) Metrics(ctx context.Context) (map[string]float64, error) {
	s, err := e.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.Rows(ctx, "SHOW GLOBAL STATUS")
	if err != nil {
		return nil, Fault("reading the figures", err)
	}
	status := make(map[string]string, len(rows))
	for _, row := range rows {
		status[row["Variable_name"]] = row["Value"]
	}
	if status["max_connections"], err = s.Value(ctx, "SELECT @@GLOBAL.max_connections"); err != nil {
		return nil, Fault("reading the figures", err)
	}
	sizes, err := e.sizes(ctx, s)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{"data_bytes": 0}
	for _, size := range sizes {
		out["data_bytes"] += float64(size)
	}
	put := func(name, text string) {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			out[name] = n
		}
	}
	put("max_connections", status["max_connections"])
	for name, variable := range metrics {
		put(name, status[variable])
	}
	for _, variable := range ownMetrics {
		put(e.Name()+"."+strings.ToLower(variable), status[variable])
	}
	return out, nil
}
