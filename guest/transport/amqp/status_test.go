package amqp

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

func TestLastStatus(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	m := w.member(t, "m")
	_, err := w.dialer.LastStatus(t.Context(), m.target())
	wantUnreachable(t, err, "the queue status.m", "has not published one yet")

	s := m.service(t)
	pong := guest.Pong{Member: "m", Engine: "mariadb", Generation: 1}
	s.Status = func(context.Context) any { pong.Generation++; return pong } // called by one goroutine
	s.Every = 10 * time.Millisecond
	s.Now = func() time.Time { return time.Unix(1700000000, 5) }
	m.serve(t, s, &transporttest.Recorder{})
	var heard Heard
	generation := 0
	await(t, func() bool {
		var got error
		if heard, got = w.dialer.LastStatus(t.Context(), m.target()); got != nil {
			return false
		}
		status, err := guest.DecodeBody[guest.Pong](heard.Status)
		if err != nil {
			t.Fatal(err)
		}
		generation = status.Generation
		return generation > 5 // the last one alone is kept
	})
	m.stop()
	for range 3 { // and stays there, though no agent runs
		again, err := w.dialer.LastStatus(t.Context(), m.target())
		if err != nil {
			t.Fatal(err)
		}
		if !again.At.Equal(time.Unix(1700000000, 5)) || again.Generation != 1 {
			t.Errorf("heard at %s with key %d", again.At, again.Generation)
		}
		heard = again
	}
	t.Run("readers do not hinder each other", func(t *testing.T) {
		results := make(chan error, 10)
		for range cap(results) {
			go func() {
				got, err := w.dialer.LastStatus(t.Context(), m.target())
				if diff := cmp.Diff(heard, got); err == nil && diff != "" {
					err = errors.New(diff)
				}
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("another's key", func(t *testing.T) {
		target := m.target()
		target.Keys = []Key{newKey(1)}
		_, err := w.dialer.LastStatus(t.Context(), target)
		wantUnreachable(t, err, "not sealed with this guest's key")
	})
}
