package all

import (
	"errors"
	"slices"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func TestEveryNameMakesItsEngine(t *testing.T) {
	host := engine.Host{Data: "/nonexistent/data", Conf: "/nonexistent/conf", Run: "/nonexistent/run", Log: "/nonexistent/log", Address: "127.0.0.1", Port: 3306}
	// They can be had from nowhere here; their own tests speak to a stand-in.
	absent := []string{"mysql", "percona", "valkey"}
	var known *guest.Error
	for _, name := range Names() {
		e, err := New(name, host)
		if slices.Contains(absent, name) && errors.As(err, &known) && known.Kind == guest.KindUnsupported {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if e.Name() != name {
			t.Errorf("%s calls itself %s", name, e.Name())
		}
	}
	if _, err := New("nope", host); !errors.As(err, &known) || known.Kind != guest.KindUnsupported {
		t.Errorf("an unknown engine: %v", err)
	}
}
