package mysqlfamily

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

const undoWithin = 30 * time.Second

// change is one dynamic setting to be changed in the running server.
type change struct {
	parameter catalog.Parameter
	before    string // canonical, to go back to
	after     string // canonical; meaningless with toDefault
	toDefault bool   // the server's own default, which only the server knows for sure
}

// changesFor compares the running server with what is wanted. What was managed and is not any more goes back to its base.
func (e *Server) changesFor(ctx context.Context, s *Session, former, values engine.Settings) ([]change, error) {
	running, err := e.RunningValues(ctx, s)
	if err != nil {
		return nil, err
	}
	names := slices.Collect(maps.Keys(values))
	for name := range former {
		if _, kept := values[name]; !kept {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []change
	for _, name := range names {
		p, ok := e.Catalog.Parameter(e.Series, name)
		if !ok || !p.Dynamic {
			continue
		}
		c := change{parameter: p, before: running[name]}
		wanted, managed := values[name]
		if c.after = wanted; !managed {
			base, own := e.Base(p)
			c.after, c.toDefault = base, !own
		}
		if c.toDefault || c.after != c.before {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// apply makes the changes. Some settings bound others, so that the order matters: those that the server does not take as
// they are get another turn after the rest, as long as a turn gets one further.
func (e *Server) apply(ctx context.Context, s *Session, changes []change) error {
	todo := changes
	for len(todo) > 0 {
		var later []change
		var refusals []error
		for _, c := range todo {
			if err := set(ctx, s, c); err != nil {
				later, refusals = append(later, c), append(refusals, err)
			}
		}
		if len(later) == len(todo) {
			return e.refuse(ctx, s, changes, refusals[0])
		}
		todo = later
	}
	for _, c := range changes {
		if err := verify(ctx, s, c); err != nil {
			return e.refuse(ctx, s, changes, err)
		}
	}
	return nil
}

func (e *Server) refuse(ctx context.Context, s *Session, changes []change, why error) error {
	// Whoever asked may have given up; what was begun is undone all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	if err := e.undo(ctx, s, changes); err != nil {
		return guest.Errorf(guest.KindEngine, "%v; and going back failed: %v", why, err)
	}
	return guest.Errorf(guest.KindEngine, "%v; nothing was changed", why)
}

// undo goes back to the former values, in as many turns as it takes.
func (e *Server) undo(ctx context.Context, s *Session, changes []change) error {
	var failed error
	for range changes {
		failed = nil
		for _, c := range slices.Backward(changes) {
			back := change{parameter: c.parameter, after: c.before}
			if verify(ctx, s, back) == nil {
				continue
			}
			failed = errors.Join(failed, set(ctx, s, back))
		}
		if failed == nil {
			return nil
		}
	}
	return failed
}

// set changes one value and reads it back: the server cuts values that it does not like and says so in a warning only.
func set(ctx context.Context, s *Session, c change) error {
	value := c.after
	switch {
	case c.toDefault:
		value = "DEFAULT"
	case c.parameter.Type == catalog.TypeEnum || c.parameter.Type == catalog.TypeSet || c.parameter.Type == catalog.TypeString:
		value = Literal(value)
	}
	if err := s.Exec(ctx, "SET GLOBAL "+c.parameter.Name+" = "+value); err != nil {
		return fmt.Errorf("setting %s: %w", c.parameter.Name, err)
	}
	return verify(ctx, s, c)
}

func verify(ctx context.Context, s *Session, c change) error {
	if c.toDefault {
		return nil
	}
	got, err := s.Value(ctx, "SELECT @@GLOBAL."+c.parameter.Name)
	if err != nil {
		return fmt.Errorf("reading %s back: %w", c.parameter.Name, err)
	}
	if got = canonical(c.parameter, got); got != c.after {
		return fmt.Errorf("the server does not take %s = %s and makes it %s", c.parameter.Name, c.after, got)
	}
	return nil
}

// validate has the server itself read the option files with these values, without starting it.
func (e *Server) validate(ctx context.Context, values engine.Settings) error {
	if len(values) == 0 {
		return nil
	}
	directory, err := os.MkdirTemp(e.Host.Conf, ".check-*")
	if err != nil {
		return internal("making a place to check the settings", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	path := directory + "/my.cnf"
	content := append(fmt.Appendf(nil, "!include %s\n", e.Paths.Base), e.format(values)...)
	if err := native.WriteFile(path, content, 0o644); err != nil {
		return internal("writing the settings to check", err)
	}
	cmd := exec.CommandContext(ctx, e.Process.Binary, append([]string{"--defaults-file=" + path}, e.CheckConfig...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil {
		return guest.Errorf(guest.KindEngine, "the server refuses these settings: %s", complaint(complaints.String(), "[ERROR] "))
	}
	if text := complaint(complaints.String(), "adjusted to"); strings.Contains(text, "adjusted to") {
		return guest.Errorf(guest.KindEngine, "the server does not take these settings as they are: %s", text)
	}
	return nil
}

// complaint is the last line that holds a mark, without the log's own beginning, or the last line of all.
func complaint(text, mark string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.Contains(line, mark) && !strings.HasSuffix(line, "Aborting") {
			if _, rest, ok := strings.Cut(line, "] "); ok {
				return rest
			}
			return line
		}
	}
	return lines[len(lines)-1]
}
