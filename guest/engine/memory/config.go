package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Configure implements engine.Configurable.
func (e *Engine) Configure(_ context.Context, values engine.Settings) ([]string, error) {
	values, err := engine.CanonicalSettings(e.catalog, e.series, values)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.prepared {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	former := e.configured
	e.configured = values
	if !e.running {
		return nil, e.keep()
	}
	for name := range former {
		if p, _ := e.catalog.Parameter(e.series, name); p.Dynamic {
			delete(e.inForce, name)
		}
	}
	for name, value := range values {
		if p, _ := e.catalog.Parameter(e.series, name); p.Dynamic {
			e.inForce[name] = value
		}
	}
	return e.pending(), e.keep()
}

func (e *Engine) value(name string) string {
	if value, ok := e.inForce[name]; ok {
		return value
	}
	p, _ := e.catalog.Parameter(e.series, name)
	return p.Default
}

// pending lists the static settings whose running value is not the configured one, also those that are managed no longer.
func (e *Engine) pending() []string {
	names := map[string]bool{}
	for name := range e.configured {
		names[name] = true
	}
	for name := range e.inForce {
		names[name] = true
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, _ := e.catalog.Parameter(e.series, name)
		next, managed := e.configured[name]
		if !managed {
			next = p.Default
		}
		if !p.Dynamic && e.value(name) != next {
			out = append(out, name)
		}
	}
	return out
}

// ReadSettings implements engine.Configurable.
func (e *Engine) ReadSettings(_ context.Context, names []string) (map[string]guest.Setting, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]guest.Setting{}
	for _, given := range append(slices.Collect(maps.Keys(e.configured)), names...) {
		name := catalog.ParameterName(given)
		p, ok := e.catalog.Parameter(e.series, name)
		if !ok {
			continue
		}
		configured, managed := e.configured[name]
		setting := guest.Setting{Configured: configured, Default: p.Default}
		if e.running {
			setting.Running = e.value(name)
			setting.Pending = managed && !p.Dynamic && setting.Running != configured
		}
		out[given] = setting
	}
	return out, nil
}
