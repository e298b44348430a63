package redis

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// unfinished begins the names of data directories whose making was cut short. They never held anybody's data.
const unfinished = ".redis-unfinished-"

// Prepare implements engine.Engine.
func (e *Engine) Prepare(ctx context.Context, values engine.Settings) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	values, err := engine.CanonicalSettings(e.catalog, e.series, values)
	if err != nil {
		return err
	}
	ready, err := e.inspectData()
	if err != nil {
		return err
	}
	runAs, err := e.runAs()
	if err != nil {
		return err
	}
	if err := e.makeDirectories(runAs); err != nil {
		return err
	}
	if _, err := os.Stat(e.paths.settings); errors.Is(err, fs.ErrNotExist) || !e.running() {
		// A running server keeps its settings: Configure changes them, with the server's consent.
		if err := e.validate(ctx, values); err != nil {
			return err
		}
		if err := e.writeSettings(e.paths.settings, values); err != nil {
			return err
		}
	}
	if ready {
		return nil
	}
	return e.initialise(runAs)
}

// foreign are files of others at the top of a data volume.
var foreign = map[string]string{
	"ibdata1": "a MariaDB or MySQL data directory", "mysql": "a MariaDB or MySQL data directory",
	"PG_VERSION": "a PostgreSQL data directory", "postgresql": "a PostgreSQL data directory", "WiredTiger": "MongoDB data",
	"dump.rdb": "Redis data that somebody else put there", "appendonlydir": "Redis data that somebody else put there",
	"appendonly.aof": "Redis data that somebody else put there", Name: "Redis data", Valkey: "Valkey data",
}

// inspectData tells whether the data directory is there already. Anything in it that is not ours is KindConflict.
func (e *Engine) inspectData() (ready bool, err error) {
	entries, err := os.ReadDir(e.host.Data)
	if err != nil {
		return false, internal("looking into the data volume", err)
	}
	for _, entry := range entries {
		if what, ok := foreign[entry.Name()]; ok && entry.Name() != e.product.manager {
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
	text, err := os.ReadFile(e.paths.mark)
	if err != nil {
		return false, guest.Errorf(guest.KindConflict, "the data directory holds something that was not made here (%s): it is left alone", files[0].Name())
	}
	// An older server cannot read what a newer one wrote, and a newer one leaves nothing for the older: that is an upgrade.
	series := e.version[:strings.LastIndexByte(e.version, '.')]
	if wrote := strings.TrimSpace(string(text)); !strings.HasPrefix(wrote, e.product.manager+" "+series+".") {
		return false, guest.Errorf(guest.KindConflict, "the data belongs to %s and this server is %s %s", wrote, e.product.manager, e.version)
	}
	return true, nil
}

// initialise makes the data directory beside its place and moves it there when it is whole.
func (e *Engine) initialise(runAs native.Account) error {
	temporary, err := os.MkdirTemp(e.host.Data, unfinished)
	if err != nil {
		return internal("making the data directory", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	mark := filepath.Join(temporary, filepath.Base(e.paths.mark))
	if err := native.WriteFile(mark, []byte(e.product.manager+" "+e.version+"\n"), 0o644); err != nil {
		return internal("noting the version of the data", err)
	}
	if err := runAs.Give(temporary, 0o700); err != nil {
		return internal("giving away the data directory", err)
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

// makeDirectories makes those that the server writes to.
func (e *Engine) makeDirectories(runAs native.Account) error {
	for _, directory := range []string{e.paths.run, e.paths.log} {
		if err := os.MkdirAll(directory, 0o750); err != nil {
			return internal("making the server's directories", err)
		}
		if err := runAs.Give(directory, 0o750); err != nil {
			return internal("giving away the server's directories", err)
		}
	}
	return nil
}
