package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
)

// A clock stands still until a test moves it.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func mustOpen(t testing.TB, path string, now func() time.Time) *outcomes {
	t.Helper()
	o, err := openOutcomes(path, now)
	if err != nil {
		t.Fatalf("opening the outcome file: %v", err)
	}
	t.Cleanup(func() { _ = o.close() })
	return o
}

func finish(t testing.TB, o *outcomes, id string) {
	t.Helper()
	if err := o.started(id, guest.MethodPutUser); err != nil {
		t.Fatal(err)
	}
	if err := o.done(guest.MethodPutUser, guest.Answer(id, guest.UserPut{VerifierDigest: id}, nil)); err != nil {
		t.Fatal(err)
	}
}

// TestAnyTornEnd cuts the file at every byte: every outcome before the cut is kept, none is invented, and the file can
// be appended to.
func TestAnyTornEnd(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	whole := filepath.Join(dir, "whole")
	o := mustOpen(t, whole, clock.now)
	var ends []int64 // size of the file after each done
	const requests = 3
	for i := range requests {
		finish(t, o, fmt.Sprint("id-", i))
		ends = append(ends, o.size)
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) + 1 {
		path := filepath.Join(dir, "cut")
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		torn := mustOpen(t, path, clock.now)
		for i := range requests {
			line, ok := torn.seen(fmt.Sprint("id-", i))
			if want := int64(cut) >= ends[i]; (ok && line.Done) != want {
				t.Fatalf("cut at %d: request %d is done: %v, want %v", cut, i, ok && line.Done, want)
			}
		}
		if cut%5 != 0 { // each costs three flushes to the disk
			_ = torn.close()
			continue
		}
		finish(t, torn, "next")
		if err := torn.close(); err != nil {
			t.Fatal(err)
		}
		if line, _ := mustOpen(t, path, clock.now).seen("next"); !line.Done {
			t.Fatalf("cut at %d: what was appended is lost", cut)
		}
	}
}

// TestAnyDamagedByte flips every byte: at most the line it is in is lost.
func TestAnyDamagedByte(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	whole := filepath.Join(dir, "whole")
	o := mustOpen(t, whole, clock.now)
	for i := range 3 {
		finish(t, o, fmt.Sprint("id-", i))
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for at := range text {
		damaged := append([]byte(nil), text...)
		damaged[at] ^= 0x20
		path := filepath.Join(dir, "damaged")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		o, done := mustOpen(t, path, clock.now), 0
		for i := range 3 {
			if line, ok := o.seen(fmt.Sprint("id-", i)); ok && line.Done {
				done++
				if want := fmt.Sprintf(`{"verifier_digest":"id-%d"}`, i); string(line.Result) != want {
					t.Fatalf("byte %d: result %s, want %s", at, line.Result, want)
				}
			}
		}
		if done < 2 && damaged[at] != '\n' && text[at] != '\n' {
			t.Fatalf("byte %d: only %d outcomes are left", at, done)
		}
		_ = o.close()
	}
}

func TestOldOutcomesAreForgotten(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "o"), newClock()
	o := mustOpen(t, path, clock.now)
	finish(t, o, "old")
	clock.at = clock.at.Add(keepOutcomes + time.Second)
	finish(t, o, "young")
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
	o = mustOpen(t, path, clock.now)
	if _, ok := o.seen("old"); ok {
		t.Error("an old outcome is remembered")
	}
	if line, ok := o.seen("young"); !ok || !line.Done {
		t.Error("a young outcome is forgotten")
	}
}

// TestALongLifeStaysSmall compacts while it runs, without a restart.
func TestALongLifeStaysSmall(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "o"), newClock()
	o := mustOpen(t, path, clock.now)
	o.limit = 10 << 10
	for i := range 500 {
		o.limit = min(o.limit, 10<<10)
		finish(t, o, fmt.Sprint("id-", i))
		clock.at = clock.at.Add(keepOutcomes / 20)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 20<<10 || len(o.byID) > 200 {
		t.Errorf("the file has %d bytes, %d outcomes are in memory", info.Size(), len(o.byID))
	}
	if line, _ := o.seen("id-499"); !line.Done {
		t.Error("the last outcome is lost")
	}
}

// TestOutcomesMoveToTheVolume has a request that starts before there is a volume and ends on it.
func TestOutcomesMoveToTheVolume(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	first, second := filepath.Join(dir, "state", "o"), filepath.Join(dir, "volume", ".trove", "o")
	o := mustOpen(t, first, clock.now)
	finish(t, o, "before")
	if err := o.started("prepare", guest.MethodPrepare); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := o.moveTo(second); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.done(guest.MethodPrepare, guest.Answer("prepare", guest.Prepared{}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, first, clock.now)
	if err := again.moveTo(second); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"before", "prepare"} {
		if line, ok := again.seen(id); !ok || !line.Done {
			t.Errorf("%s: %+v", id, line)
		}
	}
}

// TestOutcomesSurviveAnything compares the file with a map through random requests, restarts and torn ends.
func TestOutcomesSurviveAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "outcomes")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path, clock := filepath.Join(dir, "o"), newClock()
		o, err := openOutcomes(path, clock.now)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{} // by id: done
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				id := rapid.StringMatching(`[a-c]`).Draw(t, "id")
				if want[id] {
					return
				}
				if err := o.started(id, guest.MethodRestart); err != nil {
					t.Fatal(err)
				}
				want[id] = false
			},
			"finish": func(t *rapid.T) {
				id := rapid.StringMatching(`[a-c]`).Draw(t, "id")
				if err := o.done(guest.MethodRestart, guest.Answer(id, guest.Done{}, nil)); err != nil {
					t.Fatal(err)
				}
				want[id] = true
			},
			"crash": func(t *rapid.T) {
				torn := rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 40).Draw(t, "torn")
				for i := range torn {
					if torn[i] == '\n' {
						torn[i] = ' '
					}
				}
				if _, err := o.file.Write(torn); err != nil {
					t.Fatal(err)
				}
				if err := o.close(); err != nil {
					t.Fatal(err)
				}
				if o, err = openOutcomes(path, clock.now); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				got := map[string]bool{}
				for id, line := range o.byID {
					got[id] = line.Done
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			},
		})
		_ = o.close()
	})
}

func FuzzDecodeOutcome(f *testing.F) {
	line, err := encodeOutcome(outcome{ID: "a", Method: guest.MethodRestart, Result: json.RawMessage(`{}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte("00000000 {}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if read, ok := decodeOutcome(text); ok && read.ID == "" {
			t.Error("an outcome without an id")
		}
	})
}
