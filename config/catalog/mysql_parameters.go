package catalog

import (
	"fmt"
	"maps"
	"strings"
)

// mysqlTable is written by hand after the MySQL 8.0 Reference Manual, not compared with it line by line ("Server System Variables", "InnoDB Startup Options and
// System Variables", "Replication and Binary Logging Options and Variables"), for what people commonly set. A line is: name,
// type, range FROM..TO[/STEP] or members, default ("-": the server computes it), and static where a restart is needed.
const mysqlTable = `
activate_all_roles_on_login boolean - OFF
auto_increment_increment integer 1..65535 1
auto_increment_offset integer 1..65535 1
autocommit boolean - ON
back_log integer 1..65535 - static
big_tables boolean - OFF
binlog_cache_size integer 4096..18446744073709547520/4096 32768
binlog_expire_logs_seconds integer 0..4294967295 2592000
binlog_format enum MIXED,STATEMENT,ROW ROW
binlog_row_image enum FULL,MINIMAL,NOBLOB FULL
bulk_insert_buffer_size integer 0..18446744073709551615 8388608
completion_type enum NO_CHAIN,CHAIN,RELEASE NO_CHAIN
concurrent_insert enum NEVER,AUTO,ALWAYS AUTO
connect_timeout integer 2..31536000 10
cte_max_recursion_depth integer 0..4294967295 1000
default_week_format integer 0..7 0
div_precision_increment integer 0..30 4
eq_range_index_dive_limit integer 0..4294967295 200
event_scheduler enum OFF,ON ON
explicit_defaults_for_timestamp boolean - ON
ft_max_word_len integer 10..84 84 static
ft_min_word_len integer 1..84 4 static
group_concat_max_len integer 4..18446744073709551615 1024
histogram_generation_max_mem_size integer 1000000..18446744073709551615 20000000
init_connect string - -
innodb_adaptive_flushing boolean - ON
innodb_adaptive_flushing_lwm integer 0..70 10
innodb_adaptive_hash_index boolean - ON
innodb_autoextend_increment integer 1..1000 64
innodb_autoinc_lock_mode integer 0..2 2 static
innodb_buffer_pool_dump_at_shutdown boolean - ON
innodb_buffer_pool_dump_pct integer 1..100 25
innodb_buffer_pool_instances integer 1..64 - static
innodb_buffer_pool_load_at_startup boolean - ON static
innodb_buffer_pool_size integer 5242880..9223372036854775807 134217728
innodb_change_buffer_max_size integer 0..50 25
innodb_change_buffering enum none,inserts,deletes,changes,purges,all all
innodb_cmp_per_index_enabled boolean - OFF
innodb_compression_level integer 0..9 6
innodb_concurrency_tickets integer 1..4294967295 5000
innodb_deadlock_detect boolean - ON
innodb_file_per_table boolean - ON
innodb_fill_factor integer 10..100 100
innodb_flush_log_at_timeout integer 1..2700 1
innodb_flush_log_at_trx_commit integer 0..2 1
innodb_flush_method enum fsync,O_DSYNC,littlesync,nosync,O_DIRECT,O_DIRECT_NO_FSYNC fsync static
innodb_flush_neighbors integer 0..2 0
innodb_ft_enable_stopword boolean - ON
innodb_ft_max_token_size integer 10..84 84 static
innodb_ft_min_token_size integer 0..16 3 static
innodb_io_capacity integer 100..18446744073709551615 200
innodb_io_capacity_max integer 100..18446744073709551615 -
innodb_lock_wait_timeout integer 1..1073741824 50
innodb_log_buffer_size integer 1048576..4294967295 16777216
innodb_lru_scan_depth integer 100..18446744073709551615 1024
innodb_max_dirty_pages_pct number 0..99.999 90
innodb_max_dirty_pages_pct_lwm number 0..99.999 10
innodb_max_purge_lag integer 0..4294967295 0
innodb_old_blocks_pct integer 5..95 37
innodb_old_blocks_time integer 0..4294967295 1000
innodb_online_alter_log_max_size integer 65536..18446744073709551615 134217728
innodb_open_files integer 10..2147483647 -
innodb_page_cleaners integer 1..64 - static
innodb_print_all_deadlocks boolean - OFF
innodb_purge_batch_size integer 1..5000 300
innodb_purge_threads integer 1..32 - static
innodb_random_read_ahead boolean - OFF
innodb_read_ahead_threshold integer 0..64 56
innodb_read_io_threads integer 1..64 - static
innodb_redo_log_capacity integer 8388608..549755813888/1048576 104857600
innodb_rollback_on_timeout boolean - OFF static
innodb_sort_buffer_size integer 65536..67108864 1048576 static
innodb_spin_wait_delay integer 0..1000 6
innodb_stats_auto_recalc boolean - ON
innodb_stats_on_metadata boolean - OFF
innodb_stats_persistent boolean - ON
innodb_stats_persistent_sample_pages integer 1..18446744073709551615 20
innodb_strict_mode boolean - ON
innodb_sync_spin_loops integer 0..4294967295 30
innodb_table_locks boolean - ON
innodb_thread_concurrency integer 0..1000 0
innodb_use_native_aio boolean - ON static
innodb_write_io_threads integer 1..64 4 static
interactive_timeout integer 1..31536000 28800
internal_tmp_mem_storage_engine enum MEMORY,TempTable TempTable
join_buffer_size integer 128..18446744073709551488/128 262144
key_buffer_size integer 8..18446744073709551615 8388608
local_infile boolean - OFF
lock_wait_timeout integer 1..31536000 31536000
log_bin_trust_function_creators boolean - OFF
log_error_verbosity integer 1..3 2
log_queries_not_using_indexes boolean - OFF
log_slow_admin_statements boolean - OFF
log_slow_extra boolean - OFF
log_throttle_queries_not_using_indexes integer 0..4294967295 0
long_query_time number 0..31536000 10
low_priority_updates boolean - OFF
max_allowed_packet integer 1024..1073741824/1024 67108864
max_binlog_size integer 4096..1073741824/4096 1073741824
max_connect_errors integer 1..18446744073709551615 100
max_connections integer 1..100000 151
max_error_count integer 0..65535 1024
max_execution_time integer 0..4294967295 0
max_heap_table_size integer 16384..18446744073709550592/1024 16777216
max_points_in_geometry integer 3..1048576 65536
max_prepared_stmt_count integer 0..4194304 16382
max_sort_length integer 4..8388608 1024
max_sp_recursion_depth integer 0..255 0
max_user_connections integer 0..4294967295 0
min_examined_row_limit integer 0..18446744073709551615 0
net_buffer_length integer 1024..1048576/1024 16384
net_read_timeout integer 1..31536000 30
net_retry_count integer 1..18446744073709551615 10
net_write_timeout integer 1..31536000 60
ngram_token_size integer 1..10 2 static
open_files_limit integer 0..1048576 - static
optimizer_prune_level integer 0..1 1
optimizer_search_depth integer 0..62 62
performance_schema boolean - OFF static
range_optimizer_max_mem_size integer 0..18446744073709551615 8388608
read_buffer_size integer 8192..2147479552/4096 131072
read_rnd_buffer_size integer 1..2147483647 262144
slow_launch_time integer 0..31536000 2
sort_buffer_size integer 32768..18446744073709551615 262144
sql_require_primary_key boolean - OFF
stored_program_cache integer 16..524288 256
sync_binlog integer 0..4294967295 1
table_definition_cache integer 400..524288 -
table_open_cache integer 1..524288 4000
table_open_cache_instances integer 1..64 16 static
temptable_max_mmap integer 0..18446744073709551615 1073741824
temptable_max_ram integer 2097152..18446744073709551615 1073741824
thread_cache_size integer 0..16384 -
thread_stack integer 131072..18446744073709550592/1024 1048576 static
tmp_table_size integer 1024..18446744073709551615 16777216
transaction_isolation enum READ-UNCOMMITTED,READ-COMMITTED,REPEATABLE-READ,SERIALIZABLE REPEATABLE-READ
updatable_views_with_limit boolean - ON
wait_timeout integer 1..31536000 28800
windowing_use_high_precision boolean - ON
`

// mysqlOwned: what users ask for and do not get, and why.
var mysqlOwned = []struct{ why, names string }{
	{"files and directories of the guest belong to the agent", `basedir character_sets_dir datadir general_log_file init_file
		innodb_data_file_path innodb_data_home_dir innodb_directories innodb_log_group_home_dir innodb_temp_tablespaces_dir
		innodb_tmpdir innodb_undo_directory lc_messages_dir log_error pid_file plugin_dir secure_file_priv slow_query_log_file tmpdir`},
	{"how clients reach the server belongs to the instance", `admin_address admin_port bind_address mysqlx mysqlx_bind_address
		mysqlx_port port skip_name_resolve skip_networking socket`},
	{"certificates belong to the agent", `require_secure_transport ssl_ca ssl_capath ssl_cert ssl_cipher ssl_crl ssl_key tls_ciphersuites tls_version`},
	{"logs are switched by the instance's argument logs", `general_log log_output slow_query_log`},
	{"replication belongs to trovectl", `enforce_gtid_consistency gtid_mode log_bin log_replica_updates log_slave_updates offline_mode
		read_only relay_log replica_parallel_workers report_host server_id skip_replica_start super_read_only`},
	{"it is decided when the data directory is made and cannot be changed later", `innodb_page_size lower_case_table_names`},
	{"passwords are stored as caching_sha2_password hashes, which it would break", `authentication_policy default_authentication_plugin`},
	{"it changes what grants mean", `mandatory_roles partial_revokes`},
	{"it is for the recovery of a broken server", `core_file innodb_fast_shutdown innodb_force_recovery innodb_read_only`},
	{"the memory of the server follows the flavor", `innodb_dedicated_server large_pages`},
	{"no-threads serves one client at a time, and the agent is one", `thread_handling`},
}

func mysql80() Version {
	v := Version{Name: "8.0", Parameters: map[string]Parameter{}, Charsets: mysqlCharsets()}
	for line := range strings.Lines(strings.TrimSpace(mysqlTable)) {
		p := mysqlParameter(strings.Fields(line))
		v.Parameters[p.Name] = p
	}
	var collations []string
	for _, charset := range v.charsetNames() {
		collations = append(collations, v.Charsets[charset]...)
	}
	for _, p := range []Parameter{
		{Name: "character_set_server", Type: TypeEnum, Enum: v.charsetNames(), Dynamic: true, Default: "utf8mb4"},
		{Name: "collation_server", Type: TypeEnum, Enum: collations, Dynamic: true, Default: "utf8mb4_0900_ai_ci"},
		{Name: "default_storage_engine", Type: TypeEnum, Enum: []string{"InnoDB", "MyISAM"}, Dynamic: true, Default: "InnoDB"},
		{Name: "time_zone", Type: TypeString, Dynamic: true, Default: "SYSTEM", Option: "default_time_zone"},
		{Name: "sql_mode", Type: TypeSet, Enum: mysqlModes, Expands: mysqlModeExpands, Dynamic: true, Default: mysqlModeDefault},
	} {
		v.Parameters[p.Name] = p
	}
	for _, group := range mysqlOwned {
		for name := range strings.FieldsSeq(group.names) {
			v.Parameters[name] = Parameter{Name: name, Type: TypeString, Refused: group.why}
		}
	}
	return v
}

// mysqlParameter reads a line of mysqlTable. A wrong line is a programming error and panics when the program starts.
func mysqlParameter(fields []string) Parameter {
	if len(fields) < 4 {
		panic(fmt.Sprintf("the line %q has too few fields", fields))
	}
	p := Parameter{Name: fields[0], Type: ParameterType(fields[1]), Default: strings.TrimPrefix(fields[3], "-"), Dynamic: len(fields) == 4}
	switch p.Type {
	case TypeInteger, TypeNumber:
		bounds, step, _ := strings.Cut(fields[2], "/")
		p.Min, p.Max, _ = strings.Cut(bounds, "..")
		p.Step = step
	case TypeBoolean:
		p.Enum = []string{"OFF", "ON"}
	case TypeEnum:
		p.Enum = strings.Split(fields[2], ",")
	case TypeString, TypeSet:
	}
	return p
}

// mysql84 is 8.0 with the defaults that 8.4 changed. Source: "What Is New in MySQL 8.4 since MySQL 8.0".
func mysql84() Version {
	v := mysql80()
	v.Name = "8.4"
	v.Parameters = maps.Clone(v.Parameters)
	for name, value := range map[string]string{
		"innodb_adaptive_hash_index": "OFF", "innodb_change_buffering": "none", "innodb_flush_method": "O_DIRECT",
		"innodb_io_capacity": "10000", "innodb_log_buffer_size": "67108864", "temptable_max_mmap": "0", "temptable_max_ram": "",
	} {
		p := v.Parameters[name]
		p.Default = value
		v.Parameters[name] = p
	}
	return v
}

const mysqlModeDefault = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

// mysqlModes and what the combined ones stand for. Source: MySQL, "Server SQL Modes".
var (
	mysqlModes = []string{
		"REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ONLY_FULL_GROUP_BY", "NO_UNSIGNED_SUBTRACTION",
		"NO_DIR_IN_CREATE", "ANSI", "NO_AUTO_VALUE_ON_ZERO", "NO_BACKSLASH_ESCAPES", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES",
		"NO_ZERO_IN_DATE", "NO_ZERO_DATE", "ALLOW_INVALID_DATES", "ERROR_FOR_DIVISION_BY_ZERO", "TRADITIONAL",
		"HIGH_NOT_PRECEDENCE", "NO_ENGINE_SUBSTITUTION", "PAD_CHAR_TO_FULL_LENGTH", "TIME_TRUNCATE_FRACTIONAL",
	}
	mysqlModeExpands = map[string][]string{
		"ANSI": {"REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ONLY_FULL_GROUP_BY", "ANSI"},
		"TRADITIONAL": {
			"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ZERO_IN_DATE", "NO_ZERO_DATE", "ERROR_FOR_DIVISION_BY_ZERO", "TRADITIONAL",
			"NO_ENGINE_SUBSTITUTION",
		},
	}
)
