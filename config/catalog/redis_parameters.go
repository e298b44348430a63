package catalog

// redisVersion is the generated table with what only people know: which parameters belong to the agent, which are other
// names of others, and what a text stands for.
func redisVersion(v Version, name string) Version {
	v.Name = name
	texts := map[string]string{
		"save": "save points", "client_output_buffer_limit": "buffer limits", "notify_keyspace_events": "keyspace events",
		"latency_tracking_info_percentiles": "percentiles", "maxmemory_clients": "size or percent",
	}
	for name, p := range v.Parameters {
		p.Form = texts[name]
		if p.Refused = ownedBy(redisOwned, name); p.Refused == "" && redisAliases[name] != "" {
			p.Refused = "it is another name of " + redisAliases[name]
		}
		if bounds, ok := redisBounds[name]; ok {
			p.Min, p.Max = bounds[0], bounds[1]
		}
		v.Parameters[name] = p
	}
	return v
}

// redisBounds are narrower than what the server takes: it cuts hz, asks the system for files for a long time when it cannot
// have as many as maxclients, of which the agent needs one, and allocates databases whether they are used or not.
var redisBounds = map[string][2]string{"hz": {"1", "500"}, "maxclients": {"10", "1000000"}, "databases": {"1", "10000"}}

// redisAliases are former names that the server still takes.
var redisAliases = map[string]string{
	"hash_max_ziplist_entries": "hash_max_listpack_entries", "hash_max_ziplist_value": "hash_max_listpack_value",
	"list_max_ziplist_size":    "list_max_listpack_size",
	"zset_max_ziplist_entries": "zset_max_listpack_entries", "zset_max_ziplist_value": "zset_max_listpack_value",
	"lua_time_limit": "busy_reply_threshold",
}

// redisOwned: a name, or the beginning of names and a star.
var redisOwned = []owned{
	{"files and directories of the guest belong to the agent", `aclfile appenddirname appendfilename dbfilename dir logfile
		pidfile syslog_* unixsocket unixsocketperm`},
	{"how clients reach the server belongs to the instance", `bind bind_source_addr port protected_mode socket_mark_id`},
	{"certificates belong to the agent", `tls_*`},
	{"passwords and permissions belong to users", `acl_pubsub_default masterauth masteruser requirepass`},
	{"replication belongs to trovectl", `min_replicas_* min_slaves_* propagation_error_behavior rdb_del_sync_files repl_*
		replica_* replicaof slave_* slaveof`},
	{"clusters belong to trovectl", `cluster_*`},
	{"starting and stopping the server belongs to trovectl", `daemonize proc_title_template set_proc_title shutdown_* supervised`},
	{"it lets code into the server, or at the settings of the agent", `enable_debug_command enable_module_command enable_protected_configs`},
	{"processors and memory of the guest belong to the agent", `aof_rewrite_cpulist bgsave_cpulist bio_cpulist disable_thp
		oom_score_adj oom_score_adj_values server_cpulist`},
	{"it is for the developers of the server", `aof_disable_auto_gc ignore_warnings`},
}
