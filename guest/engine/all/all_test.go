package all

import (
	"errors"
	"slices"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// absent are engines whose server no package of Debian brings: they say so.
var absent = []string{"mysql", "percona", "valkey"}

func TestEveryNameMakesItsEngine(t *testing.T) {
	host := engine.Host{Data: "/nonexistent/data", Conf: "/nonexistent/conf", Run: "/nonexistent/run", Log: "/nonexistent/log", Address: "127.0.0.1", Port: 3306}
	for _, name := range Names() {
		e, err := New(name, host)
		if slices.Contains(absent, name) && err != nil {
			var known *guest.Error
			if !errors.As(err, &known) || known.Kind != guest.KindUnsupported {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if e.Name() != name {
			t.Errorf("%s calls itself %s", name, e.Name())
		}
	}
	var known *guest.Error
	if _, err := New("nope", host); !errors.As(err, &known) || known.Kind != guest.KindUnsupported {
		t.Errorf("an unknown engine: %v", err)
	}
}
