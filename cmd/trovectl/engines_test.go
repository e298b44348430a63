package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// engines are what the story of examples/ENGINE says to each server.
var engines = map[string]map[string]string{
	"mariadb": {
		"SERVER": "shop", "STATIC": "table_open_cache_instances", "PARAMETER": "wait_timeout",
		"WRITE":  `CREATE OR REPLACE TABLE greetings (text VARCHAR(40)) AS SELECT "hello" AS text`,
		"READ":   `SELECT text FROM greetings`,
		"DENIED": `command denied`, "REFUSED": `Access denied`,

		"CHANGE": `s/max_connections  *= 200/max_connections = 300/`, "CHANGED": `max_connections += "200" -> "300"`,
		"ASK": `SELECT @@GLOBAL.max_connections`, "ANSWER": `^300$`,
		"REMOVE": `/max_connections/d`, "DEFAULT": `^151$`,
		"CHANGE_STATIC": `s/cache_instances = 4/cache_instances = 2/`, "CHANGED_STATIC": `table_open_cache_instances += "4" -> "2"`,
		"ASK_STATIC": `SELECT @@table_open_cache_instances`, "ANSWER_BEFORE": `^4$`, "ANSWER_AFTER": `^2$`,

		"DROP_DATABASE": `DROP DATABASE billing`,
		"NEW_DATABASE":  `CREATE DATABASE byhand`,
		"DATABASES":     `SHOW DATABASES`,
		"TAKE":          "REVOKE SELECT ON billing.* FROM app@`%`",
		"GIVE":          "GRANT DELETE ON shop.* TO report@`%`", "GIVEN": "DELETE",
		"RIGHTS":   "SHOW GRANTS FOR report@`%`",
		"PASSWORD": "ALTER USER report@`%` IDENTIFIED BY 'other'",
		"SET":      `SET GLOBAL wait_timeout = 77`,
		"NEW_USER": "CREATE USER visitor@`%`",
	},
	"postgresql": {
		"SERVER": "shop", "STATIC": "max_connections", "PARAMETER": "log_min_duration_statement",
		"WRITE":  `CREATE TABLE IF NOT EXISTS greetings (text TEXT); INSERT INTO greetings SELECT 'hello' WHERE NOT EXISTS (SELECT FROM greetings)`,
		"READ":   `SELECT text FROM greetings`,
		"DENIED": `permission denied`, "REFUSED": `password authentication failed`,

		"CHANGE": `s/work_mem  *= "8MB"/work_mem = "16MB"/`, "CHANGED": `work_mem += "8MB" -> "16MB"`,
		"ASK": `SHOW work_mem`, "ANSWER": `^16MB$`,
		"REMOVE": `/work_mem/d`, "DEFAULT": `^4MB$`,
		"CHANGE_STATIC": `s/max_connections  *= 60/max_connections = 50/`, "CHANGED_STATIC": `max_connections += "60" -> "50"`,
		"ASK_STATIC": `SHOW max_connections`, "ANSWER_BEFORE": `^60$`, "ANSWER_AFTER": `^50$`,

		"DROP_DATABASE": `DROP DATABASE billing`,
		"NEW_DATABASE":  `CREATE DATABASE byhand`,
		"DATABASES":     `SELECT datname FROM pg_database`,
		"TAKE":          `REVOKE TEMPORARY ON DATABASE shop FROM app`,
		"GIVE":          `GRANT DELETE ON greetings TO report`, "GIVEN": `DELETE`,
		"RIGHTS":   `SELECT privilege_type FROM information_schema.role_table_grants WHERE grantee = 'report'`,
		"PASSWORD": `ALTER ROLE report PASSWORD 'other'`,
		"SET":      `ALTER SYSTEM SET log_min_duration_statement = '77ms'; SELECT pg_reload_conf()`,
		"NEW_USER": `CREATE ROLE visitor LOGIN`,
	},
	"redis": {
		"SERVER": "sessions", "STATIC": "io_threads", "PARAMETER": "maxmemory_policy",
		"WRITE":  `SET session:1 hello`,
		"READ":   `GET session:1`,
		"DENIED": `NOPERM`, "REFUSED": `WRONGPASS`,

		"CHANGE": `s/maxclients  *= 500/maxclients = 400/`, "CHANGED": `maxclients += "500" -> "400"`,
		"ASK": `CONFIG GET maxclients`, "ANSWER": `^400$`,
		"REMOVE": `/maxclients/d`, "DEFAULT": `^10000$`,
		"CHANGE_STATIC": `s/io-threads  *= 2/io-threads = 3/`, "CHANGED_STATIC": `io_threads += "2" -> "3"`,
		"ASK_STATIC": `CONFIG GET io-threads`, "ANSWER_BEFORE": `^2$`, "ANSWER_AFTER": `^3$`,

		"TAKE": `ACL SETUSER app -get`,
		"GIVE": `ACL SETUSER report +del`, "GIVEN": `\+del`,
		"RIGHTS":   `ACL LIST`,
		"PASSWORD": `ACL SETUSER report resetpass >other`,
		"SET":      `CONFIG SET maxmemory-policy noeviction`,
		"NEW_USER": `ACL SETUSER visitor on`,
	},
}

// TestEngines takes every engine's example through the same story, over every transport.
func TestEngines(t *testing.T) {
	for engine, phrases := range engines {
		for _, transport := range []string{"ssh", "amqp"} {
			t.Run(engine+"/"+transport, func(t *testing.T) {
				t.Parallel()
				p := scripts(t, "testdata/engines")
				common := p.Setup
				p.Setup = func(env *testscript.Env) error {
					env.Setenv("ENGINE", engine)
					env.Setenv("TRANSPORT", transport)
					for name, phrase := range phrases {
						env.Setenv(name, phrase)
					}
					return common(env)
				}
				p.Condition = func(name string) (bool, error) {
					switch name {
					case "ssh", "amqp":
						return name == transport, nil
					case "databases":
						return phrases["DATABASES"] != "", nil
					}
					return condition(name)
				}
				testscript.Run(t, p)
			})
		}
	}
}
