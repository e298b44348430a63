package catalog

import "slices"

// mariadbVersion is a generated table with what only people know: which parameters belong to the agent, what the agent
// starts the server with, and what a text stands for.
func mariadbVersion(v Version) Version {
	charsets := v.charsetNames()
	var collations []string
	for _, charset := range charsets {
		collations = append(collations, v.Charsets[charset]...)
	}
	lists := map[string][]string{
		"character_set_server": charsets, "collation_server": collations,
		"default_storage_engine": {"InnoDB", "Aria", "MyISAM"},
		// no-threads serves one client at a time, and the agent is one.
		"thread_handling": {"one-thread-per-connection", "pool-of-threads"},
	}
	defaults := map[string]string{
		"character_set_server": "utf8mb4", "collation_server": "utf8mb4_general_ci", "default_storage_engine": "InnoDB",
		"lc_time_names": "en_US", "performance_schema": "OFF", "symbolic_links": "OFF", "tx_isolation": "REPEATABLE-READ",
	}
	for name, p := range v.Parameters {
		if list, ok := lists[name]; ok {
			p.Type, p.Enum = TypeEnum, slices.Clone(list)
		}
		if value, ok := defaults[name]; ok {
			p.Default = value
		}
		if why := ownedBy(mariadbOwned, name); why != "" {
			p.Refused = why
		}
		v.Parameters[name] = p
	}
	return v
}

// mariadbOwned: a name, or the beginning of names and a star.
var mariadbOwned = []owned{
	{"the server only reports it", `have_* hostname large_files_support license locked_in_memory protocol_version lower_case_file_system
		server_uid system_time_zone version version_* wsrep_patch_version`},
	{"files and directories of the guest belong to the agent", `aria_log_dir_path basedir character_sets_dir datadir
		general_log_file ignore_db_dirs init_file innodb_buffer_pool_filename innodb_data_file_path innodb_data_home_dir
		innodb_log_group_home_dir innodb_temp_data_file_path innodb_tmpdir innodb_undo_directory lc_messages_dir log_error
		log_slow_query_file pid_file plugin_dir relay_log_info_file secure_file_priv slave_load_tmpdir slow_query_log_file
		tmpdir ft_stopword_file`},
	{"how clients reach the server belongs to the instance", `bind_address extra_port port proxy_protocol_networks
		skip_name_resolve skip_networking socket skip_grant_tables`},
	{"certificates belong to the agent", `ssl_* tls_version require_secure_transport`},
	{"logs are switched by the instance's argument logs", `general_log log_output log_slow_query slow_query_log`},
	{"replication belongs to trovectl", `gtid_* init_slave log_bin log_bin_basename log_bin_compress*
		log_bin_index log_slave_updates log_slow_slave_statements master_verify_checksum read_only relay_log*
		replicate_* report_* rpl_semi_sync_* server_id slave_* sync_master_info sync_relay_log* wsrep_* log_tc_size
		max_relay_log_size`},
	{"it is decided when the data directory is made and cannot be changed later", `aria_block_size innodb_page_size
		innodb_undo_tablespaces lower_case_table_names myisam_block_size innodb_checksum_algorithm`},
	{"it needs an encryption key in the guest, which is not there", `aria_encrypt_tables encrypt_binlog
		encrypt_tmp_disk_tables encrypt_tmp_files innodb_default_encryption_key_id innodb_encrypt_* innodb_encryption_*`},
	{"passwords are stored as mysql_native_password hashes, which it would break", `old_passwords secure_auth
		strict_password_validation`},
	{"it is an order to the running server and no setting", `innodb_buffer_pool_dump_now innodb_buffer_pool_load_abort
		innodb_buffer_pool_load_now innodb_log_checkpoint_now innodb_monitor_* innodb_status_output* innodb_ft_aux_table
		innodb_defragment flush`},
	{"it is for the recovery of a broken server", `innodb_force_recovery innodb_read_only innodb_fast_shutdown
		innodb_force_load_corrupted core_file debug* innodb_buffer_pool_in_core_dump`},
	{"it lets code into the server", `allow_suspicious_udfs plugin_maturity`},
	{"it is there for servers of long ago", `ignore_builtin_innodb mysql56_temporal_format old sync_frm`},
	{"the guest has no such memory", `large_pages innodb_numa_interleave`},
}
