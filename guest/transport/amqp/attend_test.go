package amqp

import (
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
)

// TestTurns: the newest login first, and again when there is a newer one; in between whichever the broker may know.
func TestTurns(t *testing.T) {
	login := func(generation int) guest.BrokerConfig {
		return guest.BrokerConfig{URL: "amqp://x", VHost: "v", User: "u", Password: strings.Repeat("p", generation), Generation: generation}
	}
	var has []guest.BrokerConfig
	turns := &turns{logins: func() []guest.BrokerConfig { return has }}
	take := func(want ...int) {
		t.Helper()
		for _, generation := range want {
			if got := len(turns.next().Password); got != generation {
				t.Errorf("generation %d has its turn, want %d", got, generation)
			}
		}
	}
	take(0)
	has = []guest.BrokerConfig{login(1)}
	take(1, 1)
	has = []guest.BrokerConfig{login(2), login(1)}
	take(2, 1, 2)
	has = []guest.BrokerConfig{login(3), login(2)}
	take(3, 2)
}

func TestKeysOf(t *testing.T) {
	keys := keysOf([]guest.BrokerConfig{
		{Generation: 3, MessageKey: strings.Repeat("ab", 32)}, {Generation: 2}, {Generation: 1, MessageKey: "ab"},
	})
	if len(keys) != 1 || keys[0].Generation != 3 || keys[0].Secret[31] != 0xab {
		t.Errorf("got %d keys", len(keys))
	}
}

func TestBrokerOf(t *testing.T) {
	plain := brokerOf(guest.BrokerConfig{URL: "amqps://x", VHost: "v", User: "u", Password: "p"})
	if plain.External || plain.TLS != nil || plain.Password != "p" {
		t.Error("a password logs in, and the machine's own authorities are trusted")
	}
	if certified := brokerOf(guest.BrokerConfig{Certificate: "x", CA: "y"}); !certified.External || certified.TLS == nil || certified.TLS.RootCAs == nil {
		t.Error("a certificate logs in, and the named authority alone is trusted")
	}
}
