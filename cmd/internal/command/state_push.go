package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/state"
)

var statePullSpec = spec{
	synopsis: "Print the whole state as JSON; there is no secret in it",
	usage:    "trovectl state pull [options] > FILE",
	flags:    func(f *flags) { f.variables() },
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, ""); err != nil {
			return m.fail("%v", err)
		}
		return withState(m, f, func(s *state.Snapshot) int {
			return m.printJSON(state.Encode(s))
		})
	},
}

var statePushSpec = spec{
	synopsis: "Put a state that was pulled and edited, or that is moved here from another store",
	usage:    "trovectl state push [options] FILE (- is standard input)",
	flags: func(f *flags) {
		f.variables()
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	},
	run: runStatePush,
}

// maxPush bounds the file that is read: a state of ten thousand instances has some fifty million bytes.
const maxPush = 1 << 30

// runStatePush replaces the state, if it still has the serial that the file has.
func runStatePush(m *Meta, f *flags) int {
	if err := f.words(1, 1, "one file"); err != nil {
		return m.fail("%v", err)
	}
	pushed, err := m.readPushed(f.args[0])
	if err != nil {
		return m.failErr("The file is no state", err)
	}
	var list diag.List
	for _, problem := range state.Check(pushed) {
		list = list.Errorf(nil, "The file does not hold together", "%v", problem)
	}
	if list.HasErrors() {
		return m.report(list)
	}
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	store, address, err := m.openStore(c)
	if err == nil {
		err = m.push(store, pushed, f)
	}
	if err != nil {
		return m.report(append(list, stateDiagnostic(err, address)))
	}
	return m.report(list)
}

func (m *Meta) readPushed(name string) (*state.Snapshot, error) {
	from := m.streams.In
	if name != "-" {
		file, err := os.Open(m.path(name))
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // opened for reading
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxPush))
	if err != nil {
		return nil, err
	}
	return state.Decode(data)
}

func (m *Meta) push(store state.Store, pushed *state.Snapshot, f *flags) (err error) {
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	_, err = store.Read(ctx)
	fresh := errors.Is(err, state.ErrMissing)
	if err != nil && !fresh {
		return err
	}
	request := state.LockRequest{Holder: m.holder("state push"), Wait: f.lockTimeout}
	if fresh {
		request.Create = pushed.Lineage
	}
	session, err := store.Lock(ctx, request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	now := session.Snapshot()
	moved := fresh && now.Serial == 0
	if now.Serial != pushed.Serial && !moved {
		return fmt.Errorf("the file was pulled at serial %d, and the state is at %d now: pull it again, edit that, and push it", pushed.Serial, now.Serial)
	}
	return m.commitPushed(ctx, session, now, pushed)
}

func (m *Meta) commitPushed(ctx context.Context, session state.Session, now, pushed *state.Snapshot) error {
	batch, err := state.Difference(now, pushed)
	if err != nil {
		return fmt.Errorf("the file cannot take the place of the state: %w", err)
	}
	if err := session.Commit(ctx, batch); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(m.streams.Out, "The state has the serial %d now: %d records, %d members, %d open intents.\n",
		session.Snapshot().Serial, len(pushed.Records), len(pushed.Members), len(pushed.Intents))
	return nil
}
