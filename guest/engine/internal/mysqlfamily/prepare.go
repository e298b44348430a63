package mysqlfamily

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// unfinished begins the names of data directories whose making was cut short. They never held anybody's data.
const unfinished = ".mysql-unfinished-"

// Prepare implements engine.Engine.
func (e *Server) Prepare(ctx context.Context, values engine.Settings) error {
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
	runAs, err := native.RunAs(e.Host, "mysql")
	if err != nil {
		return err
	}
	if err := e.writeOptions(runAs); err != nil {
		return err
	}
	if _, err := os.Stat(e.Paths.Overrides); errors.Is(err, fs.ErrNotExist) || !e.Running() {
		// A running server keeps its overrides: Configure changes them, with the server's consent.
		if err := e.validate(ctx, values); err != nil {
			return err
		}
		if err := e.writeSettings(e.Paths.Overrides, values); err != nil {
			return err
		}
	}
	if ready {
		return nil
	}
	return e.initialise(ctx, runAs)
}

func (e *Server) Running() bool {
	_, ok := e.Process.Find()
	return ok
}

// inspectData tells whether the data directory is there already. Anything in it that is not ours is KindConflict.
func (e *Server) inspectData() (ready bool, err error) {
	entries, err := os.ReadDir(e.Host.Data)
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
			if err := os.RemoveAll(filepath.Join(e.Host.Data, entry.Name())); err != nil {
				return false, internal("removing an unfinished data directory", err)
			}
		}
	}
	files, err := os.ReadDir(e.Paths.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, internal("looking into the data directory", err)
	}
	if len(files) == 0 {
		return false, nil
	}
	if _, err := os.Stat(filepath.Join(e.Paths.Data, e.Mark)); err != nil {
		return false, guest.Errorf(guest.KindConflict, "the data directory holds something that is not %s's (%s): it is left alone", e.Product, files[0].Name())
	}
	return true, e.sameSeries()
}

// sameSeries refuses data that another series of the server wrote last: opening it is an upgrade, which cannot be undone.
func (e *Server) sameSeries() error {
	for _, name := range e.WroteLast {
		text, err := os.ReadFile(filepath.Join(e.Paths.Data, name))
		if err != nil {
			continue
		}
		if wrote := strings.TrimSpace(string(text)); !strings.HasPrefix(wrote, e.Series+".") {
			return guest.Errorf(guest.KindConflict, "the data belongs to %s %s and this server is %s", e.Product, wrote, e.Version)
		}
	}
	return nil
}

// initialise makes the data directory beside its place and moves it there when it is whole.
func (e *Server) initialise(ctx context.Context, runAs native.Account) error {
	temporary, err := os.MkdirTemp(e.Host.Data, unfinished)
	if err != nil {
		return internal("making the data directory", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := runAs.Give(temporary, 0o700); err != nil {
		return internal("giving away the data directory", err)
	}
	logged := size(e.Paths.Errors)
	if err := e.Install(ctx, temporary, runAs); err != nil {
		return guest.Errorf(guest.KindEngine, "initialising the data directory: %v: %s", err, e.complaints(logged))
	}
	for _, name := range e.WroteLast {
		if err := os.Remove(filepath.Join(temporary, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("noting the version of the data", err)
		}
	}
	if err := native.WriteFile(filepath.Join(temporary, e.WroteLast[len(e.WroteLast)-1]), []byte(e.Version+e.Suffix), 0o644); err != nil {
		return internal("noting the version of the data", err)
	}
	if err := os.Remove(e.Paths.Data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the empty data directory", err)
	}
	if err := os.Rename(temporary, e.Paths.Data); err != nil {
		return internal("putting the data directory in its place", err)
	}
	if err := native.SyncDir(e.Host.Data); err != nil {
		return internal("making the data directory durable", err)
	}
	return nil
}

// writeOptions writes the files that belong to the agent alone, and makes the directories that the server writes to.
func (e *Server) writeOptions(runAs native.Account) error {
	for _, directory := range []string{e.Paths.Scratch, e.Paths.Run, e.Paths.Log} {
		if err := os.MkdirAll(directory, 0o750); err != nil {
			return internal("making the server's directories", err)
		}
		if err := runAs.Give(directory, 0o750); err != nil {
			return internal("giving away the server's directories", err)
		}
	}
	if err := os.MkdirAll(e.Paths.Conf, 0o755); err != nil {
		return internal("making the directory of option files", err)
	}
	files := map[string][]byte{
		e.Paths.Init:    []byte(e.InitSQL()),
		e.Paths.Base:    FormatOptions("mysqld", e.options(runAs)),
		e.Paths.Options: fmt.Appendf(nil, "!include %s\n!includedir %s\n", e.Paths.Base, e.Paths.Conf),
	}
	for path, content := range files {
		if err := native.WriteFile(path, content, 0o644); err != nil {
			return internal("writing the server's option files", err)
		}
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
