package mariadb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// unfinished begins the names of data directories whose making was cut short. They never held anybody's data.
const unfinished = ".mysql-unfinished-"

// Prepare implements engine.Engine.
func (e *Engine) Prepare(ctx context.Context, values engine.Settings) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	values, err := e.normalize(values)
	if err != nil {
		return err
	}
	ready, err := e.inspectData()
	if err != nil {
		return err
	}
	runAs, err := native.RunAs(e.host, "mysql")
	if err != nil {
		return err
	}
	if err := e.writeOptions(runAs); err != nil {
		return err
	}
	if _, err := os.Stat(e.paths.overrides); errors.Is(err, fs.ErrNotExist) || !e.running() {
		// A running server keeps its overrides: Configure changes them, with the server's consent.
		if err := e.validate(ctx, values); err != nil {
			return err
		}
		if err := e.writeSettings(e.paths.overrides, values); err != nil {
			return err
		}
	}
	if ready {
		return nil
	}
	return e.initialise(ctx, runAs)
}

func (e *Engine) running() bool {
	_, ok := e.process.Find()
	return ok
}

// inspectData tells whether the data directory is there already. Anything in it that is not ours is KindConflict.
func (e *Engine) inspectData() (ready bool, err error) {
	entries, err := os.ReadDir(e.host.Data)
	if err != nil {
		return false, internal("looking into the data volume", err)
	}
	foreign := map[string]string{
		"ibdata1": "a MariaDB or MySQL data directory", "PG_VERSION": "a PostgreSQL data directory", "postgresql": "a PostgreSQL data directory",
		"dump.rdb": "Redis data", "redis": "Redis data", "WiredTiger": "MongoDB data",
	}
	for _, entry := range entries {
		if what, ok := foreign[entry.Name()]; ok {
			return false, guest.Errorf(guest.KindConflict, "the data volume holds %s (%s): it is left alone", what, entry.Name())
		}
		if strings.HasPrefix(entry.Name(), unfinished) {
			if err := os.RemoveAll(filepath.Join(e.host.Data, entry.Name())); err != nil {
				return false, internal("removing an unfinished data directory", err)
			}
		}
	}
	files, err := os.ReadDir(e.paths.data)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, internal("looking into the data directory", err)
	}
	if len(files) == 0 {
		return false, nil
	}
	if _, err := os.Stat(filepath.Join(e.paths.data, "mysql", "global_priv.frm")); err != nil {
		return false, guest.Errorf(guest.KindConflict, "the data directory holds something that is not MariaDB's (%s): it is left alone", files[0].Name())
	}
	return true, e.sameSeries()
}

// sameSeries refuses data that another series of the server wrote last: opening it is an upgrade, which cannot be undone.
func (e *Engine) sameSeries() error {
	for _, name := range []string{"mariadb_upgrade_info", "mysql_upgrade_info"} {
		text, err := os.ReadFile(filepath.Join(e.paths.data, name))
		if err != nil {
			continue
		}
		if wrote := strings.TrimSpace(string(text)); !strings.HasPrefix(wrote, e.series+".") {
			return guest.Errorf(guest.KindConflict, "the data belongs to MariaDB %s and this server is %s", wrote, e.version)
		}
	}
	return nil
}

// initialise makes the data directory beside its place and moves it there when it is whole.
func (e *Engine) initialise(ctx context.Context, runAs native.Account) error {
	temporary, err := os.MkdirTemp(e.host.Data, unfinished)
	if err != nil {
		return internal("making the data directory", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := runAs.Give(temporary, 0o700); err != nil {
		return internal("giving away the data directory", err)
	}
	if err := e.runInstaller(ctx, temporary, runAs); err != nil {
		return err
	}
	for _, name := range []string{"mariadb_upgrade_info", "mysql_upgrade_info"} {
		if err := os.Remove(filepath.Join(temporary, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("noting the version of the data", err)
		}
	}
	if err := native.WriteFile(filepath.Join(temporary, "mysql_upgrade_info"), []byte(e.version+"-MariaDB"), 0o644); err != nil {
		return internal("noting the version of the data", err)
	}
	if err := os.Remove(e.paths.data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the empty data directory", err)
	}
	if err := os.Rename(temporary, e.paths.data); err != nil {
		return internal("putting the data directory in its place", err)
	}
	if err := native.SyncDir(e.host.Data); err != nil {
		return internal("making the data directory durable", err)
	}
	return nil
}

// runInstaller fills an empty data directory with the server's own tables.
func (e *Engine) runInstaller(ctx context.Context, data string, runAs native.Account) error {
	base := e.paths.base
	// The installer is a shell script that does not quote its paths: others than plain ones reach it by links.
	if strings.ContainsFunc(data+base, unquotable) {
		links, err := os.MkdirTemp("", "mariadb-install-*")
		if err != nil {
			return internal("making links for the installer", err)
		}
		defer func() { _ = os.RemoveAll(links) }()
		short := map[string]string{filepath.Join(links, "data"): data, filepath.Join(links, "base.cnf"): base}
		for link, target := range short {
			if err := os.Symlink(target, link); err != nil {
				return internal("making links for the installer", err)
			}
		}
		if err := os.Chmod(links, 0o755); err != nil {
			return internal("making links for the installer", err)
		}
		data, base = filepath.Join(links, "data"), filepath.Join(links, "base.cnf")
	}
	// Without the overrides: a setting that the server's own scripts do not expect must not break them.
	arguments := []string{
		"--defaults-file=" + base, "--datadir=" + data, "--auth-root-authentication-method=socket",
		"--auth-root-socket-user=" + e.admin, "--skip-test-db", "--skip-name-resolve",
	}
	if runAs.Name != "" {
		arguments = append(arguments, "--user="+runAs.Name)
	}
	cmd := exec.CommandContext(ctx, e.install, arguments...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	logged := size(e.paths.errors)
	if out, err := cmd.CombinedOutput(); err != nil {
		return guest.Errorf(guest.KindEngine, "initialising the data directory: %v: %s: %s", err, e.complaints(logged), firstLines(string(out), 5))
	}
	return nil
}

// unquotable are the runes that a shell may read as something else.
func unquotable(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+", r)
}

// writeOptions writes the files that belong to the agent alone, and makes the directories that the server writes to.
func (e *Engine) writeOptions(runAs native.Account) error {
	for _, directory := range []string{e.paths.scratch, e.paths.run, e.paths.log} {
		if err := os.MkdirAll(directory, 0o750); err != nil {
			return internal("making the server's directories", err)
		}
		if err := runAs.Give(directory, 0o750); err != nil {
			return internal("giving away the server's directories", err)
		}
	}
	if err := os.MkdirAll(e.paths.conf, 0o755); err != nil {
		return internal("making the directory of option files", err)
	}
	files := map[string][]byte{
		e.paths.init:    []byte(e.initSQL()),
		e.paths.base:    mysqlfamily.FormatOptions("mysqld", e.options(runAs)),
		e.paths.options: fmt.Appendf(nil, "!include %s\n!includedir %s\n", e.paths.base, e.paths.conf),
	}
	for path, content := range files {
		if err := native.WriteFile(path, content, 0o644); err != nil {
			return internal("writing the server's option files", err)
		}
	}
	return nil
}

// initSQL runs at each start, before the server takes connections: whatever a customer did to the agent's account in the
// meantime is mended. A statement must stand on one line.
func (e *Engine) initSQL() string {
	me := mysqlfamily.Account(e.admin, "localhost")
	return strings.Join([]string{
		"SET SESSION sql_log_bin=0;",
		"CREATE OR REPLACE USER " + me + " IDENTIFIED VIA unix_socket;",
		"GRANT ALL PRIVILEGES ON *.* TO " + me + " WITH GRANT OPTION;",
		"GRANT PROXY ON ''@'%' TO " + me + " WITH GRANT OPTION;",
		"",
	}, "\n")
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(n, len(lines))], "; ")
}
