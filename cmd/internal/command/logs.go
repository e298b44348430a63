package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// logFlags are of the commands about logs.
type logFlags struct {
	lines             int
	container, prefix string
}

var logsSpec = spec{
	synopsis: "List the logs of an instance; `instance { logs = [...] }` enables them",
	usage:    "trovectl logs [options] ADDRESS",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
	},
	run: func(m *Meta, f *flags) int {
		return m.atGuest(f, false, func(ctx context.Context, v visitor) int {
			seen, err := v.client.Inspect(ctx, guest.Inspect{})
			switch {
			case err != nil:
				return m.failErr("The logs cannot be listed", err)
			case f.json:
				return m.printJSON(view.LogsJSON(logRows(seen.Logs)))
			}
			m.view.Logs(logRows(seen.Logs))
			return exitOK
		})
	},
}

var logsShowSpec = spec{
	synopsis: "Write the end of a log; what may be a password is covered with stars",
	usage:    "trovectl logs show [options] ADDRESS NAME",
	flags: func(f *flags) {
		f.variables()
		f.set.IntVar(&f.logs.lines, "lines", 100, "how many lines from the end; 0: the whole log")
	},
	run: func(m *Meta, f *flags) int {
		return m.atGuest(f, true, func(ctx context.Context, v visitor) int {
			if err := m.showLog(ctx, v, f.logs.lines); err != nil {
				return m.failErr("The log cannot be read", err)
			}
			return exitOK
		})
	},
}

var logsRotateSpec = spec{
	synopsis: "Begin a log anew; the old one is kept beside it in the guest, once",
	usage:    "trovectl logs rotate [options] ADDRESS NAME",
	flags: func(f *flags) {
		f.variables()
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	},
	run: func(m *Meta, f *flags) int {
		return m.atGuest(f, true, func(ctx context.Context, v visitor) int {
			// Nothing that is recorded changes, so there is nothing to journal; the lock keeps an apply from meeting it.
			session, err := v.op.store.Lock(ctx, state.LockRequest{Holder: m.holder("logs rotate"), Wait: f.lockTimeout})
			if err != nil {
				return m.report(diag.List{stateDiagnostic(err, v.op.address)})
			}
			_, err = v.client.RotateLog(ctx, string(newIDs().Intent()), guest.RotateLog{Name: v.log})
			if err = errors.Join(err, session.Close()); err != nil {
				return m.failErr("The log was not rotated", err)
			}
			_, _ = fmt.Fprintf(m.streams.Out, "The log %s of %s begins anew.\n", v.log, v.address)
			return exitOK
		})
	},
}

var logsPublishSpec = spec{
	synopsis: "Copy a log to Swift, without its passwords",
	usage:    "trovectl logs publish [options] ADDRESS NAME",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
		f.set.StringVar(&f.logs.container, "container", "trovectl-logs", "of the objects; it is made when it is not there")
		f.set.StringVar(&f.logs.prefix, "prefix", "", "of the objects' names; default: INSTANCE/NAME")
	},
	run: func(m *Meta, f *flags) int {
		return m.atGuest(f, true, func(ctx context.Context, v visitor) int {
			if v.op.cloud.Containers == nil {
				return m.fail("the cloud has no object store to publish logs to")
			}
			published, err := m.publishLog(ctx, v, f.logs)
			if err != nil {
				return m.failErr("The log was not published", err)
			}
			if f.json {
				return m.printJSON(view.PublishedJSON(published))
			}
			for _, object := range published {
				_, _ = fmt.Fprintf(m.streams.Out, "%s/%s: %d bytes\n", object.Container, object.Name, object.Bytes)
			}
			if len(published) == 0 {
				_, _ = fmt.Fprintf(m.streams.Out, "The log %s of %s is empty.\n", v.log, v.address)
			}
			return exitOK
		})
	},
}

func logRows(logs []guest.ObservedLog) []view.Log {
	var rows []view.Log
	for _, log := range logs {
		rows = append(rows, view.Log(log))
	}
	return rows
}

// visitor is a command at one guest.
type visitor struct {
	op      *operation
	address resource.Address
	client  *guest.Client
	log     string // the second argument
}

// atGuest opens the way to the guest of the instance that the first argument names; named: a log follows it.
func (m *Meta) atGuest(f *flags, named bool, do func(ctx context.Context, v visitor) int) int {
	want, what := 1, "the address of an instance"
	if named {
		want, what = 2, "the address of an instance and the name of a log"
	}
	if err := f.words(want, want, what); err != nil {
		return m.fail("%v", err)
	}
	address, err := resource.ParseAddress(f.args[0])
	if err != nil {
		return m.fail("%v", err)
	}
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(ctx, f, true, false)
	if list.HasErrors() {
		return m.report(list)
	}
	record, known := op.prior.Records[address]
	if !known || address.Kind != resource.KindInstance {
		return m.report(diag.List(nil).Errorf(nil, "There is no such instance", "%s is not an instance in the state; `trovectl status` lists those that are.", address))
	}
	carrier, err := op.guests.enter(ctx, op.prior.Members[record.Member])
	if err != nil {
		return m.failErr("The guest cannot be reached", err)
	}
	defer func() { _ = carrier.Close() }()
	v := visitor{op: op, address: address, client: guest.NewClient(carrier, nil)}
	if named {
		v.log = f.args[1]
	}
	return do(ctx, v)
}

// logChunk is how much of a log is asked for at once, bytes.
const logChunk = 1 << 20

// showLog writes a log from the line that is so many from the end.
func (m *Meta) showLog(ctx context.Context, v visitor, lines int) error {
	part, err := v.client.ReadLog(ctx, guest.ReadLog{Name: v.log, Offset: -logChunk, Limit: logChunk})
	if err != nil {
		return err
	}
	if lines > 0 {
		_, err := fmt.Fprintln(m.streams.Out, tail(strings.TrimSuffix(string(part.Data), "\n"), lines))
		return err
	}
	return readWhole(ctx, v, func(data []byte) error {
		_, err := m.streams.Out.Write(data)
		return err
	})
}

// readWhole reads a log as long as it is now, part by part.
func readWhole(ctx context.Context, v visitor, take func(data []byte) error) error {
	var at, end int64 = 0, -1
	for end < 0 || at < end {
		part, err := v.client.ReadLog(ctx, guest.ReadLog{Name: v.log, Offset: at, Limit: logChunk})
		if err != nil {
			return err
		}
		if end < 0 {
			end = part.Size
		}
		data := part.Data[:min(int64(len(part.Data)), end-at)]
		if part.Offset != at || len(data) == 0 {
			return nil // it was rotated meanwhile: what follows is another log
		}
		if err := take(data); err != nil {
			return err
		}
		at += int64(len(data))
	}
	return nil
}

// objectSize is how much of a log one object holds, bytes.
const objectSize = 16 << 20

// publishLog copies a log to objects whose names sort as the log does.
func (m *Meta) publishLog(ctx context.Context, v visitor, to logFlags) ([]view.Published, error) {
	containers := v.op.cloud.Containers
	if err := containers.Ensure(ctx, to.container); err != nil {
		return nil, err
	}
	prefix := cmp.Or(to.prefix, v.op.prior.Records[v.address].Computed["id"]+"/"+v.log)
	stamp := time.Now().UTC().Format("20060102T150405Z")
	var out []view.Published
	var pending []byte
	put := func() error {
		object := view.Published{Container: to.container, Name: fmt.Sprintf("%s/%s-%06d.log", prefix, stamp, len(out)+1), Bytes: len(pending)}
		err := containers.Put(ctx, providers.ObjectSpec{Container: to.container, Name: object.Name, Data: pending})
		if err == nil {
			out, pending = append(out, object), nil
		}
		return err
	}
	err := readWhole(ctx, v, func(data []byte) error {
		if pending = append(pending, data...); len(pending) < objectSize {
			return nil
		}
		return put()
	})
	if err == nil && len(pending) > 0 {
		err = put()
	}
	return out, err
}
