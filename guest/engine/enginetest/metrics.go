package enginetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func metrics(t *testing.T, s Subject) {
	m, has := s.Engine.(engine.Metered)
	if !has {
		return
	}
	ctx := within(t)
	ok(t, s.Engine.Prepare(ctx, nil))
	_, err := m.Metrics(ctx)
	refused(t, err, guest.KindConflict)
	ok(t, s.Engine.Start(ctx))
	first, err := m.Metrics(ctx)
	ok(t, err)
	must := []string{"connections", "max_connections", "queries", "uptime_seconds", "data_bytes"}
	may := append([]string{"disk_used_bytes", "disk_free_bytes", "lag_seconds"}, must...)
	for _, name := range must {
		if value, there := first[name]; !there || value < 0 {
			t.Errorf("%s is %v (%v)", name, value, there)
		}
	}
	for name := range first {
		if !slices.Contains(may, name) && !strings.HasPrefix(name, s.Engine.Name()+".") {
			t.Errorf("%q is neither a name that all engines share nor begins with %s.", name, s.Engine.Name())
		}
	}
	second, err := m.Metrics(ctx)
	ok(t, err)
	if s.Connect != nil && second["queries"] <= first["queries"] {
		t.Errorf("asked again, the server counts %v queries after %v", second["queries"], first["queries"])
	}
}

// readOnly: an engine that takes no writes says so.
func readOnly(t *testing.T, s Subject) {
	if s.ByHand == nil || len(s.Facts.ReadOnly) == 0 {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	for _, statement := range s.Facts.ReadOnly {
		ok(t, s.ByHand(ctx, statement))
	}
	status(ctx, t, s.Engine, guest.StatusReadOnly)
	for _, statement := range s.Facts.Writable {
		ok(t, s.ByHand(ctx, statement))
	}
	status(ctx, t, s.Engine, guest.StatusHealthy)
}
