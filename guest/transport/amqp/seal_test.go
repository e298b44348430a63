package amqp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyLabel draws a label.
func anyLabel(t *rapid.T) label {
	return label{
		direction: rapid.SampledFrom([]direction{asRequest, asReply, asStatus}).Draw(t, "direction"),
		method:    rapid.String().Draw(t, "method"), id: rapid.String().Draw(t, "id"), guest: rapid.String().Draw(t, "guest"),
		at: time.Unix(0, rapid.Int64().Draw(t, "at")),
	}
}

// TestSealOpensUnderItsOwnLabelAlone: with the key and the label it was sealed with, and with no other.
func TestSealOpensUnderItsOwnLabelAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := newKey(rapid.IntRange(0, 1<<31).Draw(t, "generation"))
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		as, other := anyLabel(t), anyLabel(t)
		sealed, err := key.seal(as, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(text)+sealOverhead {
			t.Fatalf("%d bytes became %d", len(text), len(sealed))
		}
		got, at, err := key.open(label{direction: as.direction, method: as.method, id: as.id, guest: as.guest}, sealed)
		if err != nil || !bytes.Equal(got, text) || !at.Equal(as.at) {
			t.Fatalf("%q at %s, %v", got, at, err)
		}
		other.at = as.at
		if _, _, err := key.open(other, sealed); other != as && !errors.Is(err, errSeal) {
			t.Fatalf("it opens as %+v", other)
		}
		if _, _, err := newKey(key.Generation).open(as, sealed); !errors.Is(err, errSeal) {
			t.Fatal("it opens with another key")
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "where")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, _, err := key.open(as, sealed); !errors.Is(err, errSeal) {
			t.Fatal("it opens with a bit changed")
		}
	})
}

// FuzzOpen: no bytes open that were not sealed, and none end the process.
func FuzzOpen(f *testing.F) {
	key := newKey(1)
	as := label{asRequest, "ping", "id", "m", time.Unix(1700000000, 0)}
	good, err := newKey(1).seal(as, []byte("{}"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte("{}"))
	f.Add([]byte{}, []byte{})
	f.Add([]byte{sealVersion, 0, 0, 0, 1}, []byte(`{"oslo.version":"2.0","oslo.message":"{}"}`))
	target := Target{Guest: "m", Keys: []Key{key}}
	f.Fuzz(func(t *testing.T, sealed, body []byte) {
		if _, _, err := key.open(as, sealed); !errors.Is(err, errSeal) {
			t.Fatalf("%x opens: %v", sealed, err)
		}
		if _, err := openStatus(target, body); !errors.Is(err, errSeal) {
			t.Fatalf("%q is a status: %v", body, err)
		}
	})
}

func TestMemory(t *testing.T) {
	m := memory{keep: time.Minute}
	now := time.Unix(1700000000, 0)
	if !m.first("a", now) || m.first("a", now) || m.first("a", now.Add(time.Minute)) {
		t.Error("it forgets too early")
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		m.first(fmt.Sprint(i), now)
	}
	if n := len(m.seen); n > 2*60+1 {
		t.Errorf("it holds %d ids of a minute with 60", n)
	}
}

// TestSecretsDoNotPrint: what an error or a log may hold.
func TestSecretsDoNotPrint(t *testing.T) {
	key := newKey(1)
	target := Target{Broker: Broker{URL: "amqp://broker:5672", User: "u", Password: "hunter2"}, Keys: []Key{key}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		said := fmt.Sprintf(format, target) + fmt.Sprintf(format, key) + fmt.Sprintf(format, target.Broker)
		if strings.Contains(said, "hunter2") || strings.Contains(said, fmt.Sprint(key.Secret[0], " ", key.Secret[1])) {
			t.Errorf("%s prints %s", format, said)
		}
	}
}
