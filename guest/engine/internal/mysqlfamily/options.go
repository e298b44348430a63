package mysqlfamily

import (
	"maps"
	"path/filepath"
	"strconv"

	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// options are the agent's own settings: where things are, who may come in, and how much memory there is.
func (e *Server) options(runAs native.Account) map[string]string {
	options := map[string]string{
		"datadir":              e.Paths.Data,
		"tmpdir":               e.Paths.Scratch,
		"socket":               e.Paths.socketOption(),
		"pid_file":             e.Paths.PID,
		"log_error":            e.Paths.Errors,
		"slow_query_log_file":  filepath.Join(e.Paths.Log, "slow.log"),
		"general_log_file":     filepath.Join(e.Paths.Log, "general.log"),
		"log_output":           "FILE",
		"bind_address":         e.Host.Address,
		"port":                 strconv.Itoa(e.Host.Port),
		"init_file":            e.Paths.Init,
		"secure_file_priv":     e.Paths.Scratch,
		"skip_name_resolve":    "ON",
		"character_set_server": "utf8mb4",
		"performance_schema":   "OFF",
	}
	if runAs.Name != "" {
		options["user"] = runAs.Name
	}
	maps.Copy(options, e.Options())
	return options
}
