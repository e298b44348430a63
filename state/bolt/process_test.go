package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
	"github.com/trovectl/trovectl/state/statetest"
)

// childEnv makes the test binary a process that locks the state at this path and commits until it dies.
const childEnv = "TROVECTL_TEST_COMMIT_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Println("error:", commitForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// commitForEver prints the serial of each commit that returned.
func commitForEver(path string) error {
	ctx := context.Background()
	session, err := bolt.New(path).Lock(ctx, state.LockRequest{Holder: state.Holder{ID: "child", PID: os.Getpid()}, Create: statetest.Lineage})
	if err != nil {
		return err
	}
	ids := state.NewIDs(nil)
	for serial := session.Snapshot().Serial + 1; ; serial++ {
		batch := statetest.Instance(ids, fmt.Sprint("i", serial))
		batch.Begin = []state.Intent{statetest.Intent(ids.Intent(), batch.PutMembers[0].ID, "server")}
		if err := session.Commit(ctx, batch); err != nil {
			return err
		}
		fmt.Println(serial)
	}
}

// TestKilledHolder kills a process while it commits, again and again: the lock is free at once, and all that it said to
// have committed is there.
func TestKilledHolder(t *testing.T) {
	path := file(t.TempDir())
	store := bolt.New(path)
	statetest.Watch(t, store)
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		output, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		said := nextSerial(t, lines)
		expectHeld(t, store, child.Process.Pid)
		time.AfterFunc(time.Duration(5+7*round)*time.Millisecond, func() { _ = child.Process.Kill() })
		for lines.Scan() {
			if said, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatalf("the child said %q", lines.Text())
			}
		}
		var exit *exec.ExitError
		if err := child.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended: %v", err)
		}
		expectFree(t, store, said)
	}
}

func nextSerial(t *testing.T, lines *bufio.Scanner) uint64 {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the child said nothing: %v", lines.Err())
	}
	serial, err := strconv.ParseUint(lines.Text(), 10, 64)
	if err != nil {
		t.Fatalf("the child said %q", lines.Text())
	}
	return serial
}

func expectHeld(t *testing.T, store *bolt.Store, pid int) {
	t.Helper()
	var locked *state.LockedError
	if _, err := store.Lock(t.Context(), state.LockRequest{}); !errors.As(err, &locked) || locked.Holder.PID != pid {
		t.Errorf("locking while the child holds it: %v, want *LockedError of pid %d", err, pid)
	}
	if _, err := store.Read(t.Context()); err != nil {
		t.Errorf("reading while the child writes: %v", err)
	}
}

func expectFree(t *testing.T, store *bolt.Store, said uint64) {
	t.Helper()
	if seen, err := store.Holder(t.Context()); seen != nil || err != nil {
		t.Errorf("the dead holder is still seen: %v, %v", seen, err)
	}
	session, err := store.Lock(t.Context(), state.LockRequest{})
	if err != nil {
		t.Fatalf("locking after the kill: %v", err)
	}
	s := session.Snapshot()
	if s.Serial != said && s.Serial != said+1 {
		t.Errorf("the serial is %d, the child said %d", s.Serial, said)
	}
	if uint64(len(s.Intents)) != s.Serial || uint64(len(s.Members)) != s.Serial {
		t.Errorf("%d intents and %d members at serial %d", len(s.Intents), len(s.Members), s.Serial)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}
