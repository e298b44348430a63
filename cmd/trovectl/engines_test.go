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
}

// TestEngines takes every engine's example through the same story, over every transport.
func TestEngines(t *testing.T) {
	for engine, phrases := range engines {
		for _, transport := range []string{"ssh"} {
			t.Run(engine+"/"+transport, func(t *testing.T) {
				t.Parallel()
				p := scripts("testdata/engines")
				p.Setup = func(env *testscript.Env) error {
					env.Setenv("ENGINE", engine)
					for name, phrase := range phrases {
						env.Setenv(name, phrase)
					}
					return setup(env)
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
