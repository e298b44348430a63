package executor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/state"
)

// tellEvery is how often a long wait says what it waits for, and why.
const tellEvery = 10 * time.Second

// await reaches the agent of a server that has just become active. Each stage of the way has its own time; the error names
// the one that was reached, and holds the end of the server's console.
func (i *instanceAct) await(ctx context.Context) (channel, error) {
	member := i.hands.Member()
	i.progress("waiting for the agent at %s", member.ReachedAt())
	for at := guest.StageConnect; ; {
		client, err := i.awaitFrom(ctx, member, at)
		if err == nil {
			return client, nil
		}
		var further furtherError
		if !errors.As(err, &further) {
			return channel{}, err
		}
		at = further.stage
	}
}

// furtherError says that a later stage of the way was reached.
type furtherError struct{ stage guest.Stage }

func (furtherError) Error() string { return "a later stage was reached" }

// awaitFrom tries until the agent answers, the time of the stage is over, or a later stage is reached.
func (i *instanceAct) awaitFrom(ctx context.Context, member state.Member, at guest.Stage) (channel, error) {
	limit, what := i.patience(at)
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	told := i.Clock.Now()
	for tries := 0; ; {
		client, _, err := i.dial(waiting, member, i.generationsOf(member)...)
		if err == nil {
			if err = client.hasty(tries); err != nil {
				client = channel{}
				tries++
			}
		}
		if errors.Is(err, guest.ErrNoAgent) {
			err = i.deliver(waiting, member, err)
		}
		switch {
		case err == nil && client.Client != nil:
			return client, nil
		case err == nil: // delivered
		case !unreachable(err):
			return channel{}, err
		case waiting.Err() == nil && guest.StageOf(err) > at:
			return channel{}, furtherError{guest.StageOf(err)}
		}
		if now := i.Clock.Now(); err != nil && now.Sub(told) >= tellEvery {
			told = now
			i.progress("still waiting for the agent: %v", err)
		}
		ended := i.Clock.Sleep(waiting, i.Timeouts.Retry)
		if ended == nil {
			continue
		}
		if !errors.Is(ended, context.DeadlineExceeded) || ctx.Err() != nil {
			return channel{}, ended
		}
		return channel{}, fmt.Errorf("%s within %s: %w%s", what, limit, err, i.console(ctx))
	}
}

// patience is how long a stage of the way may take, and what to say when it takes longer.
func (i *instanceAct) patience(at guest.Stage) (limit time.Duration, what string) {
	switch at {
	case guest.StageConnect:
		if i.sshPort == 0 { // the broker shows no stages of a boot
			return i.Timeouts.Boot + i.Timeouts.Login + i.Timeouts.Agent, "no agent came to the message broker"
		}
		return i.Timeouts.Boot, "nothing answered at the server's address"
	case guest.StageGreet:
		return i.Timeouts.Login, "the server's SSH did not show the host key that user-data gave it (an image without cloud-init never does)"
	case guest.StageLogin:
		return i.Timeouts.Login, "the server's SSH did not take the key that user-data gave it (an image without cloud-init never does)"
	case guest.StageAgent:
		if len(i.body.Packages) > 0 {
			return i.Timeouts.Install, "the agent did not answer"
		}
		return i.Timeouts.Agent, "the agent did not answer"
	default:
		panic(fmt.Sprintf("unknown stage %d", at))
	}
}

// deliver brings the agent to a guest that has none. Only those with packages wait for it: in any other it should have come
// with the image.
func (i *instanceAct) deliver(ctx context.Context, member state.Member, missing error) error {
	if len(i.body.Packages) == 0 {
		return guest.Errorf(guest.KindUnsupported, "the image has no agent: use one that `trovectl image build` made, or name packages "+
			"in the datastore's version, and trovectl installs them with the agent at the first boot (%v)", missing)
	}
	i.progress("delivering the agent to %s", member.ReachedAt())
	return i.Guests.Deliver(ctx, member, i.generationsOf(member)...)
}

func unreachable(err error) bool {
	var g *guest.Error
	return errors.As(err, &g) && (g.Kind == guest.KindUnreachable || g.Kind == guest.KindTimeout)
}

// The end of a console that goes into an error, in lines and bytes.
const (
	consoleLines = 20
	consoleBytes = 1500
)

// console is the tail of the server's console, for an error; empty when the cloud does not give it.
func (i *instanceAct) console(ctx context.Context) string {
	server, ok := i.hands.Member().Objects[state.SlotServer]
	if !ok || i.Cloud.ServerActions == nil {
		return ""
	}
	text, err := i.Cloud.ServerActions.Console(ctx, server.ID, consoleLines)
	if err != nil {
		return ""
	}
	if text = scrub(text); text == "" {
		return ""
	}
	return "\nthe server's console ends with:\n" + text
}

// escapes are the control sequences of a terminal (ECMA-48: CSI and OSC), which would leave their letters behind.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])`)

// scrub keeps of a console's text what is fit for a terminal and short enough to be read: whatever boots there wrote it.
func scrub(text string) string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(text, "?")) {
		line = strings.TrimRightFunc(strings.Map(printable, escapes.ReplaceAllString(line, "")), unicode.IsSpace)
		if line != "" {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines[max(0, len(lines)-consoleLines):], "\n")
	if len(text) > consoleBytes {
		text = text[len(text)-consoleBytes:]
		for !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	return text
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsPrint(r) && r != utf8.RuneError:
		return r
	}
	return -1
}
