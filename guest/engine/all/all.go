// Package all is the list of engines: the one place that knows them by name.
package all

import (
	"maps"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/mariadb"
	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/guest/engine/mysql"
	"github.com/trovectl/trovectl/guest/engine/postgresql"
	"github.com/trovectl/trovectl/guest/engine/redis"
)

var engines = map[string]func(host engine.Host) (engine.Engine, error){
	mariadb.Name:    func(host engine.Host) (engine.Engine, error) { return mariadb.New(host) },
	memory.Name:     func(engine.Host) (engine.Engine, error) { return memory.New(memory.Name, time.Now), nil },
	mysql.Name:      func(host engine.Host) (engine.Engine, error) { return mysql.New(mysql.Name, host) },
	mysql.Percona:   func(host engine.Host) (engine.Engine, error) { return mysql.New(mysql.Percona, host) },
	postgresql.Name: func(host engine.Host) (engine.Engine, error) { return postgresql.New(host) },
	redis.Name:      func(host engine.Host) (engine.Engine, error) { return redis.New(host) },
	redis.Valkey:    func(host engine.Host) (engine.Engine, error) { return redis.NewValkey(host) },
}

// New makes the engine of a datastore manager for a host. An unknown name is KindUnsupported.
func New(name string, host engine.Host) (engine.Engine, error) {
	make, ok := engines[name]
	if !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "there is no engine %q; there are %v", name, Names())
	}
	return make(host)
}

// Names lists the engines, sorted.
func Names() []string { return slices.Sorted(maps.Keys(engines)) }
