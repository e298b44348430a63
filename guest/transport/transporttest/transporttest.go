// Package transporttest is the contract that every way to a guest keeps: Run is the contract.
package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
)

// A Guest is one served handler as a transport's test offers it to the contract.
type Guest struct {
	// Dial makes a new carrier to the guest. An error MUST be what Call would have returned.
	Dial func(ctx context.Context) (guest.Carrier, error)
	// Kill ends the guest as a crash would: connections break, nothing answers any more. Kill twice is harmless.
	Kill func()
	// Garble makes every later answer of the guest these bytes, in the place of a reply.
	Garble func(text []byte)
}

// Start serves the handler until the test ends.
type Start func(t *testing.T, handler guest.Handler) Guest

// soon is what "at once" and "soon after" mean here: far below any timeout of a transport, far above a slow machine.
const soon = 5 * time.Second

// Run checks the whole contract, one clause per sub-test.
func Run(t *testing.T, start Start) {
	clauses := []struct {
		name  string
		check func(*testing.T, Start)
	}{
		{"a reply answers its request", replyAnswers},
		{"an error of the guest comes back whole", errorComesBack},
		{"replies are matched by id", matchedByID},
		{"a body of 1 MiB arrives", bigBody},
		{"a request that is too big is refused", tooBig},
		{"a deadline ends the call", deadline},
		{"cancellation ends the call", cancellation},
		{"a late reply is dropped", lateReply},
		{"a redelivered request has one effect", redelivered},
		{"two calls of one id have one effect", joined},
		{"an unknown method is unsupported", unknownMethod},
		{"an older guest is told from a newer one", versions},
		{"garbage from the guest is unreachable", garbage},
		{"an absent guest is unreachable at once", absent},
		{"a guest killed in a call is unreachable", killedInCall},
		{"a closed carrier fails its calls", closed},
	}
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) { clause.check(t, start) })
	}
}

func request(id string, method guest.Method, body any) guest.Request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // the tests' own bodies can be encoded
	}
	return guest.Request{Version: guest.Version, ID: id, Method: method, Body: text}
}

func dial(t *testing.T, g Guest) guest.Carrier {
	t.Helper()
	carrier, err := g.Dial(t.Context())
	if err != nil {
		t.Fatalf("dialling: %v", err)
	}
	t.Cleanup(func() {
		if err := carrier.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		if err := carrier.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
	return carrier
}

// wantKind fails unless err is an *guest.Error of the kind that mentions all the words.
func wantKind(t *testing.T, err error, kind guest.ErrorKind, words ...string) {
	t.Helper()
	var got *guest.Error
	if !errors.As(err, &got) {
		t.Fatalf("error is %v (%T), want a *guest.Error of kind %s", err, err, kind)
	}
	if got.Kind != kind {
		t.Fatalf("error is %v, want kind %s", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("error says %q, which lacks %q", got.Message, word)
		}
	}
}

// within fails the test when do takes longer than soon.
func within(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(soon):
		t.Fatalf("it did not return within %s", soon)
	}
}

func wantResult(t *testing.T, got json.RawMessage, err error, want any) {
	t.Helper()
	if err != nil {
		t.Fatalf("call: %v", err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(got)); diff != "" {
		t.Fatalf("result (-want +got):\n%s", diff)
	}
}
