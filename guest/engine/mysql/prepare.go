package mysql

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Install implements mysqlfamily.Dialect. root at localhost has no password after it; nobody can reach it before InitSQL
// has run. Source: MySQL, "Initializing the Data Directory".
func (d dialect) Install(ctx context.Context, data string, runAs native.Account) error {
	// Without option files: the first statements cannot be run here.
	arguments := []string{
		"--no-defaults", "--initialize-insecure", "--datadir=" + data, "--tmpdir=" + d.server.Paths.Scratch, "--log-error=" + d.server.Paths.Errors,
	}
	if runAs.Name != "" {
		arguments = append(arguments, "--user="+runAs.Name)
	}
	cmd := exec.CommandContext(ctx, d.server.Process.Binary, arguments...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out[:min(len(out), 1000)])))
	}
	return nil
}

// InitSQL implements mysqlfamily.Dialect: whatever a customer did to the agent's account in the meantime is mended. All
// privileges hold SYSTEM_USER, without which nobody may change the account with statements.
func (d dialect) InitSQL() string {
	me := mysqlfamily.AccountName(d.server.Admin, "localhost")
	return strings.Join([]string{
		"SET SESSION sql_log_bin=0;",
		"ALTER USER IF EXISTS 'root'@'localhost' IDENTIFIED WITH auth_socket;",
		"CREATE USER IF NOT EXISTS " + me + " IDENTIFIED WITH auth_socket;",
		"ALTER USER " + me + " IDENTIFIED WITH auth_socket REQUIRE NONE WITH MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK;",
		"GRANT ALL PRIVILEGES ON *.* TO " + me + " WITH GRANT OPTION;",
		"",
	}, "\n")
}
