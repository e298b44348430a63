package mysql

import (
	"fmt"
	"maps"
)

// Options implements mysqlfamily.Dialect.
func (d dialect) Options() map[string]string {
	options := map[string]string{
		// The agent comes in with it; the X protocol would be another door.
		"plugin_load_add": "auth_socket.so", "mysqlx": "OFF",
	}
	maps.Copy(options, sizing(d.server.Host.RAMMiB))
	return options
}

// sizing fits the server into the flavor: half of what is left beside 256 MiB for the server itself is the buffer pool,
// and below 2 GiB the caches are small. Sizes in bytes.
func sizing(ramMiB int) map[string]string {
	if ramMiB <= 0 {
		return nil
	}
	const mib = 1 << 20
	// The server rounds it up to whole chunks, of which there are eight at least.
	pool := max(16, (ramMiB-256)/2/8*8)
	options := map[string]string{
		"innodb_buffer_pool_size": fmt.Sprint(pool * mib), "innodb_buffer_pool_chunk_size": fmt.Sprint(mib), "innodb_buffer_pool_instances": "1",
	}
	if ramMiB >= 2048 {
		options["innodb_buffer_pool_chunk_size"] = fmt.Sprint(8 * mib)
		return options
	}
	for name, value := range map[string]int{
		"innodb_log_buffer_size": 4 * mib, "key_buffer_size": 8 * mib, "table_open_cache": 400, "table_definition_cache": 400,
		"thread_cache_size": 8, "temptable_max_ram": 16 * mib,
	} {
		options[name] = fmt.Sprint(value)
	}
	return options
}
