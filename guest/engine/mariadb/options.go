package mariadb

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// options are the agent's own settings: where things are, who may come in, and how much memory there is.
func (e *Engine) options(runAs native.Account) map[string]string {
	options := map[string]string{
		"datadir":              e.paths.data,
		"tmpdir":               e.paths.scratch,
		"socket":               e.paths.socketOption(),
		"pid_file":             e.paths.pid,
		"log_error":            e.paths.errors,
		"slow_query_log_file":  filepath.Join(e.paths.log, "slow.log"),
		"bind_address":         e.host.Address,
		"port":                 strconv.Itoa(e.host.Port),
		"init_file":            e.paths.init,
		"secure_file_priv":     e.paths.scratch,
		"skip_name_resolve":    "ON",
		"symbolic_links":       "OFF",
		"character_set_server": "utf8mb4",
		"performance_schema":   "OFF",
	}
	if runAs.Name != "" {
		options["user"] = runAs.Name
	}
	for name, value := range sizing(e.host.RAMMiB) {
		options[name] = value
	}
	return options
}

// sizing fits the server into the flavor: half of what is left beside 128 MiB for the server itself is the buffer pool,
// and below 1 GiB the caches for engines that nobody uses are small. Sizes in bytes.
func sizing(ramMiB int) map[string]string {
	if ramMiB <= 0 {
		return nil
	}
	const mib = 1 << 20
	pool := max(16, (ramMiB-128)/2/16*16)
	options := map[string]string{"innodb_buffer_pool_size": fmt.Sprint(pool * mib)}
	if ramMiB < 1024 {
		for name, value := range map[string]int{
			"innodb_log_file_size": 16 * mib, "innodb_log_buffer_size": 4 * mib, "aria_pagecache_buffer_size": 8 * mib,
			"key_buffer_size": 8 * mib, "table_open_cache": 400, "thread_cache_size": 8,
		} {
			options[name] = fmt.Sprint(value)
		}
	}
	return options
}
