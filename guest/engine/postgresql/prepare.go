package postgresql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// unfinished begins the names of data directories whose making was cut short. They never held anybody's data.
const unfinished = ".postgresql-unfinished-"

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
	runAs, err := native.RunAsOrdinary(e.host, superuser)
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

// inspectData tells whether the data directory is there already. Anything in it that is not ours is KindConflict.
func (e *Engine) inspectData() (ready bool, err error) {
	entries, err := os.ReadDir(e.host.Data)
	if err != nil {
		return false, internal("looking into the data volume", err)
	}
	foreign := map[string]string{
		"ibdata1": "a MariaDB or MySQL data directory", "mysql": "a MariaDB or MySQL data directory", "PG_VERSION": "a PostgreSQL data directory",
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
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return false, nil
	}
	if err != nil {
		return false, internal("looking into the data directory", err)
	}
	wrote, err := os.ReadFile(filepath.Join(e.paths.data, "PG_VERSION"))
	if err != nil {
		return false, guest.Errorf(guest.KindConflict, "the data directory holds something that is not PostgreSQL's (%s): it is left alone", files[0].Name())
	}
	// Another series cannot read it; to bring it there is an upgrade.
	if series := strings.TrimSpace(string(wrote)); series != e.series {
		return false, guest.Errorf(guest.KindConflict, "the data belongs to PostgreSQL %s and this server is %s", series, e.version)
	}
	return true, nil
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
	cmd := exec.CommandContext(ctx, filepath.Join(e.binaries, "initdb"), "-D", temporary, "-U", superuser, "--auth-local=peer",
		"--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums")
	e.asServer(cmd, runAs)
	if out, err := cmd.CombinedOutput(); err != nil {
		return guest.Errorf(guest.KindEngine, "initialising the data directory: %v: %s", err, lastLines(string(out), 5))
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

// asServer has a program of the server's run as the server does.
func (e *Engine) asServer(cmd *exec.Cmd, runAs native.Account) {
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	runAs.Become(cmd.SysProcAttr)
}

// writeOptions writes the files that belong to the agent alone, and makes the directories that the server writes to.
func (e *Engine) writeOptions(runAs native.Account) error {
	for _, directory := range []string{e.paths.run, e.paths.log} {
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
	required, err := e.tlsRequired()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		e.paths.access:  access(required),
		e.paths.idents:  fmt.Appendf(nil, "agent %s %s\n", identifier(e.admin), superuser),
		e.paths.options: append(formatOptions(e.options()), fmt.Appendf(nil, "include_dir = %s\n", optionText(e.paths.conf))...),
	}
	// Whatever was set with ALTER SYSTEM wins over every other file: what comes with foreign data would be stronger than we.
	if _, err := os.Stat(e.paths.data); err == nil && !e.running() {
		files[e.paths.auto] = []byte("# trove-guestagent keeps the settings elsewhere.\n")
	}
	for path, content := range files {
		if err := native.WriteFile(path, content, 0o644); err != nil {
			return internal("writing the server's option files", err)
		}
	}
	if files[e.paths.auto] == nil {
		return nil
	}
	if err := runAs.Give(e.paths.auto, 0o600); err != nil {
		return internal("giving the server's own file back", err)
	}
	return nil
}

// access is pg_hba.conf: the agent comes in by the socket, everybody else over the network with a password, and the
// server's own account never. The first line that fits decides.
func access(tlsRequired bool) []byte {
	lines := []string{
		"# Written by trove-guestagent; changes made here are lost.",
		"local all " + superuser + " peer map=agent",
		"local all all reject",
	}
	if tlsRequired {
		lines = append(lines, "hostnossl all all all reject")
	}
	lines = append(lines,
		"hostnossl all +"+catalog.PostgreSQLTLSRole+" all reject",
		"host all "+superuser+" all reject",
		"host all all all scram-sha-256",
		"")
	return []byte(strings.Join(lines, "\n"))
}
