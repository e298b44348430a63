package mariadb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Install implements mysqlfamily.Dialect.
func (d dialect) Install(ctx context.Context, data string, runAs native.Account) error {
	base := d.server.Paths.Base
	// The installer is a shell script that does not quote its paths: others than plain ones reach it by links.
	if strings.ContainsFunc(data+base, unquotable) {
		links, err := os.MkdirTemp("", "mariadb-install-*")
		if err != nil {
			return fmt.Errorf("making links for the installer: %w", err)
		}
		defer func() { _ = os.RemoveAll(links) }()
		short := map[string]string{filepath.Join(links, "data"): data, filepath.Join(links, "base.cnf"): base}
		for link, target := range short {
			if err := os.Symlink(target, link); err != nil {
				return fmt.Errorf("making links for the installer: %w", err)
			}
		}
		if err := os.Chmod(links, 0o755); err != nil {
			return fmt.Errorf("making links for the installer: %w", err)
		}
		data, base = filepath.Join(links, "data"), filepath.Join(links, "base.cnf")
	}
	// Without the overrides: a setting that the server's own scripts do not expect must not break them.
	arguments := []string{
		"--defaults-file=" + base, "--datadir=" + data, "--auth-root-authentication-method=socket",
		"--auth-root-socket-user=" + d.server.Admin, "--skip-test-db", "--skip-name-resolve",
	}
	if runAs.Name != "" {
		arguments = append(arguments, "--user="+runAs.Name)
	}
	cmd := exec.CommandContext(ctx, d.installer, arguments...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLines(string(out), 5))
	}
	return nil
}

// unquotable are the runes that a shell may read as something else.
func unquotable(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+", r)
}

// InitSQL implements mysqlfamily.Dialect: whatever a customer did to the agent's account in the meantime is mended.
func (d dialect) InitSQL() string {
	me := mysqlfamily.AccountName(d.server.Admin, "localhost")
	return strings.Join([]string{
		"SET SESSION sql_log_bin=0;",
		"CREATE OR REPLACE USER " + me + " IDENTIFIED VIA unix_socket;",
		"GRANT ALL PRIVILEGES ON *.* TO " + me + " WITH GRANT OPTION;",
		"GRANT PROXY ON ''@'%' TO " + me + " WITH GRANT OPTION;",
		"",
	}, "\n")
}

func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(n, len(lines))], "; ")
}
