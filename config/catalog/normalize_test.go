package catalog

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalize(t *testing.T) {
	e := mariadb(t)
	for _, c := range []struct{ name, given, want, refused string }{
		{"max_connections", "500", "500", ""},
		{"max-connections", " 500 ", "500", ""},
		{"Max_Connections", "1k", "1024", ""},
		{"max_connections", "9", "", "from 10 to 100000"},
		{"max_connections", "100001", "", "from 10 to 100000"},
		{"max_connections", "many", "", "is an integer from 10"},
		{"max_connections", "1.5", "", "is an integer"},
		{"max_connections", "", "", "is an integer"},
		{"max_connections", "0x10", "", "is an integer"},
		{"innodb_buffer_pool_size", "128M", "134217728", ""},
		{"innodb_buffer_pool_size", "1g", "1073741824", ""},
		{"innodb_buffer_pool_size", "134217729", "", "nearest below is 134217728"},
		{"join_buffer_size", "18446744073709551615", "", "multiple of 128"},
		{"max_seeks_for_key", "99999999999999999999", "", "from"},
		{"long_query_time", "1.50", "1.5", ""},
		{"long_query_time", "10.000000", "10", ""},
		{"long_query_time", "NaN", "", "is a number"},
		{"long_query_time", "-1", "", "must be a number from 0"},
		{"slow_query_log", "true", "ON", ""},
		{"slow_query_log", "0", "OFF", ""},
		{"slow_query_log", "perhaps", "", "ON or OFF"},
		{"binlog_row_image", "full", "FULL", ""},
		{"binlog_row_image", "ful", "", `did you mean "FULL"`},
		{"query_cache_type", "true", "ON", ""},
		{"concurrent_insert", "2", "", "one of NEVER, AUTO, ALWAYS"},
		{"sql_mode", "ansi_quotes, STRICT_TRANS_TABLES", "ANSI_QUOTES,STRICT_TRANS_TABLES", ""},
		{"sql_mode", "", "", ""},
		{"sql_mode", "ANSI", "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI", ""},
		{"sql_mode", "STRICT", "", "is none of them"},
		{"optimizer_trace", "enabled=ON", "enabled=on", ""},
		{"optimizer_trace", "enabled", "", "NAME=on"},
		{"character_set_server", "UTF8MB4", "utf8mb4", ""},
		{"character_set_server", "utf8mb5", "", "did you mean"},
		{"default_storage_engine", "innodb", "InnoDB", ""},
		{"init_connect", "SET @a=1\nSET @b=2", "", "control characters"},
	} {
		p, ok := e.Parameter("10.11", c.name)
		if !ok {
			t.Errorf("%s is not there", c.name)
			continue
		}
		got, err := p.Normalize(c.given)
		if got != c.want || (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s = %q is %q, %v; want %q, %q", c.name, c.given, got, err, c.want, c.refused)
		}
	}
}

// A partial list of flags keeps the defaults of the others, as the server does.
func TestNormalizeFlags(t *testing.T) {
	p, _ := mariadb(t).Parameter("10.11", "optimizer_switch")
	got, err := p.Normalize("index_merge=off")
	if err != nil || got != strings.Replace(p.Default, "index_merge=on", "index_merge=off", 1) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheAgentsParametersAreRefused(t *testing.T) {
	e := mariadb(t)
	for _, name := range []string{
		"datadir", "socket", "port", "bind_address", "log_bin_basename", "server_id", "init_file", "plugin_dir", "pid_file", "secure_file_priv",
		"ssl_cert", "ssl_key", "skip_networking", "gtid_strict_mode", "read_only", "wsrep_on", "general_log", "slow_query_log", "log_slow_query", "log_output", "skip_name_resolve", "tmpdir", "hostname",
		"version", "innodb_page_size", "lower_case_table_names", "sql_log_bin",
	} {
		if p, ok := e.Parameter("10.11", name); !ok || p.Refused == "" {
			t.Errorf("%s may be set (found: %v)", name, ok)
		}
	}
	for _, name := range []string{"max_connections", "innodb_buffer_pool_size", "sql_mode", "time_zone", "tx_isolation", "character_set_server", "wait_timeout", "event_scheduler"} {
		if p, ok := e.Parameter("10.11", name); !ok || p.Refused != "" {
			t.Errorf("%s may not be set (found: %v): %s", name, ok, p.Refused)
		}
	}
	if _, ok := e.Parameter("10.11", "insert_id"); ok {
		t.Error("a variable of sessions alone is a parameter")
	}
}

func TestDefaultsAreCanonical(t *testing.T) {
	for _, manager := range Names() {
		e, _ := Lookup(manager)
		for _, v := range e.Versions {
			for name, p := range v.Parameters {
				if name != p.Name || name != ParameterName(name) {
					t.Errorf("%s is called %q", name, p.Name)
				}
				if p.Default == "" || p.Refused != "" {
					continue
				}
				if got, err := p.Normalize(p.Default); err != nil || got != p.Default {
					t.Errorf("the default of %s, %q, is %q canonically: %v", name, p.Default, got, err)
				}
			}
		}
	}
}

// Whatever passes is stable: the canonical text of a canonical text is itself, and nothing makes Normalize panic.
func TestNormalizeIsStable(t *testing.T) {
	v, _ := mariadb(t).Version("10.11")
	names := slices.Sorted(maps.Keys(v.Parameters))
	rapid.Check(t, func(t *rapid.T) {
		p := v.Parameters[rapid.SampledFrom(names).Draw(t, "name")]
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`-?[0-9]{1,22}[KMGTPEkmx]?`), rapid.StringMatching(`[0-9]{0,3}\.[0-9]{0,8}`),
			rapid.SampledFrom(append([]string{"on", "0", "true", ""}, p.Enum...))).Draw(t, "value")
		canonical, err := p.Normalize(value)
		if err != nil {
			return
		}
		if again, err := p.Normalize(canonical); err != nil || again != canonical {
			t.Fatalf("%s: %q is %q and then %q, %v", p.Name, value, canonical, again, err)
		}
	})
}
