package redis

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

const undoWithin = 30 * time.Second

// change is one dynamic setting to be changed in the running server, in canonical text.
type change struct {
	parameter     catalog.Parameter
	before, after string
}

// changesFor compares the running server with what is wanted. What was managed and is not any more goes back to its base.
func (e *Engine) changesFor(ctx context.Context, s *session, former, values engine.Settings) ([]change, error) {
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(former)
	maps.Copy(names, values)
	var changes []change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, ok := e.catalog.Parameter(e.series, name)
		if !ok || !p.Dynamic {
			continue
		}
		c := change{parameter: p, before: running[name], after: values[name]}
		if _, managed := values[name]; !managed {
			c.after = e.base(p)
		}
		if c.after != c.before {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// apply makes the changes. The server takes all of them or none, but for giving up the append-only file, which comes last
// because it takes a dump first.
func (e *Engine) apply(ctx context.Context, s *session, changes []change) error {
	stop := func(c change) bool { return c.parameter.Name == "appendonly" && c.after == "OFF" }
	atOnce := slices.DeleteFunc(slices.Clone(changes), stop)
	if err := e.set(ctx, s, valuesOf(atOnce, func(c change) string { return c.after })); err != nil {
		return guest.Errorf(guest.KindEngine, "changing settings: %s; nothing was changed", said(err))
	}
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return e.undo(ctx, s, atOnce, err)
	}
	for _, c := range atOnce {
		if got := running[c.parameter.Name]; got != c.after {
			return e.undo(ctx, s, atOnce, guest.Errorf(guest.KindEngine, "the server does not take %s = %s and makes it %s", c.parameter.Name, c.after, got))
		}
	}
	if slices.ContainsFunc(changes, stop) {
		if err := e.stopAppending(ctx, s); err != nil {
			return e.undo(ctx, s, atOnce, err)
		}
	}
	return nil
}

func valuesOf(changes []change, value func(change) string) engine.Settings {
	out := engine.Settings{}
	for _, c := range changes {
		out[c.parameter.Name] = value(c)
	}
	return out
}

// undo goes back to the former values and says so.
func (e *Engine) undo(ctx context.Context, s *session, changes []change, why error) error {
	// Whoever asked may have given up; what was begun is undone all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	kind, message := guest.KindEngine, said(why)
	if known, ok := errors.AsType[*guest.Error](why); ok {
		kind, message = known.Kind, known.Message
	}
	if err := e.set(ctx, s, valuesOf(changes, func(c change) string { return c.before })); err != nil {
		return guest.Errorf(guest.KindEngine, "%s; and going back failed: %s", message, said(err))
	}
	return guest.Errorf(kind, "%s; nothing was changed", message)
}

// end is a line that no server takes: it reads what stands before it, complains and starts nothing.
const end = "this-is-the-end yes"

// validate has the server itself read the values, without starting it.
func (e *Engine) validate(ctx context.Context, values engine.Settings) error {
	if len(values) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, e.process.Binary, "-")
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	cmd.Stdin = bytes.NewReader(append(e.format(values), (end + "\n")...))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Run(); err == nil {
		return guest.Errorf(guest.KindInternal, "checking the settings: the server started instead")
	} else if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		return internal("having the server check the settings", err)
	}
	if text := complaints.String(); !strings.Contains(text, ">>> '"+end+"'") {
		// ">>> 'hz "x"'" and why, on a line of its own.
		_, why, _ := strings.Cut(text, ">>> ")
		return guest.Errorf(guest.KindEngine, "the server refuses these settings: %s; nothing was changed", strings.Join(strings.Fields(why), " "))
	}
	return nil
}
