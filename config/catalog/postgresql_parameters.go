package catalog

// postgresqlVersion is a generated table with what only people know: which parameters belong to the agent, and what it
// starts the server with.
func postgresqlVersion(v Version) Version {
	for name, p := range v.Parameters {
		if p.Refused == "" {
			p.Refused = ownedBy(postgresqlOwned, name)
		}
		v.Parameters[name] = p
	}
	return v
}

var postgresqlOwned = []owned{
	{"files and directories of the guest belong to the agent", `config_file data_directory hba_file ident_file external_pid_file
		default_tablespace temp_tablespaces allow_in_place_tablespaces extension_destdir krb_* log_destination log_directory
		log_file_mode log_filename log_rotation_* log_truncate_on_rotation logging_collector syslog_* event_source`},
	{"how clients reach the server belongs to the instance", `bonjour* listen_addresses port unix_socket_* superuser_reserved_connections
		db_user_namespace password_encryption`},
	{"certificates belong to the agent", `ssl ssl_*`},
	{"it runs programs or lets code into the server", `archive_* restore_command recovery_end_command dynamic_library_path jit_provider
		local_preload_libraries session_preload_libraries shared_preload_libraries allow_system_table_mods backtrace_functions`},
	{"replication and recovery belong to trovectl", `hot_standby* max_replication_slots max_slot_wal_keep_size max_standby_* max_wal_senders
		primary_* promote_trigger_file recovery_* synchronous_standby_names vacuum_defer_cleanup_age wal_keep_size wal_level
		wal_log_hints wal_receiver_* wal_retrieve_retry_interval wal_sender_timeout cluster_name default_transaction_read_only
		max_logical_replication_workers max_sync_workers_per_subscription session_replication_role`},
	{"with it committed data can be lost", `fsync full_page_writes data_sync_retry wal_sync_method wal_recycle wal_init_zero`},
	{"it is for the recovery of a broken server", `ignore_* zero_damaged_pages restart_after_crash remove_temp_files_after_crash
		wal_consistency_checking exit_on_error trace_* debug_* post_auth_delay pre_auth_delay jit_debugging_support
		jit_dump_bitcode jit_profiling_support force_parallel_mode update_process_title`},
	{"it would write every statement into a file of the guest: enable the log general of the instance", `log_statement`},
	{"the agent reads the server's log", `lc_messages log_line_prefix log_error_verbosity log_min_messages log_min_error_statement log_timezone`},
	{"it is a matter of one session", `application_name client_encoding is_superuser role seed session_authorization transaction_deferrable
		transaction_isolation transaction_read_only geqo_seed`},
	{"it lifts checks of the server's own", `lo_compat_privileges row_security restrict_nonsystem_relation_kind standard_conforming_strings
		backslash_quote`},
	{"the guest has no such memory", `huge_page* shared_memory_type dynamic_shared_memory_type min_dynamic_shared_memory`},
}
