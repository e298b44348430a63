package mariadb

import (
	"fmt"
	"maps"
)

// Options implements mysqlfamily.Dialect.
func (d dialect) Options() map[string]string {
	options := map[string]string{"symbolic_links": "OFF"}
	maps.Copy(options, sizing(d.server.Host.RAMMiB))
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
