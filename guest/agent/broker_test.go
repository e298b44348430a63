package agent_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// login is one of a generation; what seals its messages is of it too.
func login(generation int, url string) *guest.BrokerConfig {
	return &guest.BrokerConfig{
		URL: url, VHost: "v", User: "u", Password: strings.Repeat("p", generation), Generation: generation,
		MessageKey: strings.Repeat("0"+string(rune('0'+generation)), 32),
	}
}

// attending is a world whose agent goes to its posts, each of which is told.
func attending(t *testing.T, broker *guest.BrokerConfig) (w *world, posts <-chan guest.Post, left <-chan string) {
	t.Helper()
	w = newWorld(t)
	came, went := make(chan guest.Post, 10), make(chan string, 10)
	w.config.Attend = func(ctx context.Context, p guest.Post, _ guest.Handler) error {
		url := p.Logins()[0].URL
		came <- p
		p.Tell("connected")
		<-ctx.Done()
		went <- url
		return nil
	}
	w.born(guest.AgentConfig{
		Member: "m-1", Engine: "tiny", Version: "1.2", Address: "127.0.0.1", Port: 3306, VolumeID: volumeID, Generation: 1, DigestKey: strings.Repeat("ab", 32), Broker: broker,
	})
	return w, came, went
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(soon):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// known are the generations of a post's logins, those whose message key is retired negative.
func known(p guest.Post) (all []int) {
	for _, l := range p.Logins() {
		if l.MessageKey == "" {
			l.Generation = -l.Generation
		}
		all = append(all, l.Generation)
	}
	return all
}

func wantKnown(t *testing.T, p guest.Post, want ...int) {
	t.Helper()
	if got := known(p); !slices.Equal(got, want) {
		t.Errorf("the logins are %v, want %v", got, want)
	}
}

func TestBrokerRotation(t *testing.T) {
	w, posts, left := attending(t, login(1, "amqp://one"))
	a := w.open()
	w.run(a)
	c := w.client(a)
	post := receive(t, posts)
	wantKnown(t, post, 1)
	rotate := func(generation int, broker *guest.BrokerConfig) {
		t.Helper()
		if _, err := c.Rotate(t.Context(), w.id(), guest.Rotate{Generation: generation, DigestKey: strings.Repeat("ef", 32), Broker: broker}); err != nil {
			t.Fatal(err)
		}
	}

	// Both are known until a message came under the new key; the old password stays, the broker decides about it.
	rotate(2, login(2, "amqp://one"))
	wantKnown(t, post, 2, 1)
	rotate(2, login(2, "amqp://one"))
	wantKnown(t, post, 2, 1)
	post.Used(1)
	wantKnown(t, post, 2, 1)
	post.Used(2)
	wantKnown(t, post, 2, -1)
	if status, ok := post.Status(t.Context()).(guest.Inspection); !ok || status.Member != "m-1" || status.Broker != "connected" {
		t.Errorf("its status is %+v", status)
	}

	// Another address is another post, and no address is none.
	rotate(3, login(3, "amqp://two"))
	if url := receive(t, left); url != "amqp://one" {
		t.Errorf("it left %s", url)
	}
	post = receive(t, posts)
	wantKnown(t, post, 3, 2)
	private, public := hostKey(t, 5)
	if _, err := c.Rotate(t.Context(), w.id(), guest.Rotate{
		Generation: 4, HostKey: private, AuthorizedKeys: []string{public}, DigestKey: strings.Repeat("ef", 32), Broker: &guest.BrokerConfig{},
	}); err != nil {
		t.Fatal(err)
	}
	if url := receive(t, left); url != "amqp://two" {
		t.Errorf("it left %s", url)
	}
	wantKnown(t, post)
}

// TestBrokerNextLife: what an agent was told outlives it, and what it was born with does not come back.
func TestBrokerNextLife(t *testing.T) {
	w, posts, _ := attending(t, login(1, "amqp://one"))
	a := w.open()
	if _, err := w.client(a).Rotate(t.Context(), w.id(), guest.Rotate{Generation: 2, DigestKey: strings.Repeat("ef", 32), Broker: login(2, "amqp://one")}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	w.run(w.open())
	wantKnown(t, receive(t, posts), 2, 1)
}

func TestBrokerRotationIsChecked(t *testing.T) {
	w, _, _ := attending(t, nil)
	c := w.client(w.open())
	for name, broker := range map[string]*guest.BrokerConfig{
		"no key":   {URL: "amqp://x", VHost: "v", User: "u"},
		"no vhost": {URL: "amqp://x", User: "u", MessageKey: strings.Repeat("01", 32)},
		"no user":  {URL: "amqp://x", VHost: "v", MessageKey: strings.Repeat("01", 32)},
	} {
		_, err := c.Rotate(t.Context(), w.id(), guest.Rotate{Generation: 2, DigestKey: strings.Repeat("ef", 32), Broker: broker})
		t.Run(name, func(t *testing.T) { wantKind(t, err, guest.KindInvalid) })
	}
	_, err := c.Rotate(t.Context(), w.id(), guest.Rotate{Generation: 2, DigestKey: strings.Repeat("ef", 32), Broker: &guest.BrokerConfig{}})
	wantKind(t, err, guest.KindInvalid) // neither a broker nor a key for SSH: nobody would come in any more
}
