package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// A Channel joins two streams to a running agent: it is the forced command that SSH runs.
type Channel struct {
	Root     string        // directory that stands for the guest's "/"
	ReadOnly bool          // serve what changes nothing, and refuse the rest
	Wait     time.Duration // for a daemon that is just starting; 0: 5 s
}

const defaultChannelWait = 5 * time.Second

// Copy carries bytes between the streams and the agent until one side ends. When no agent answers it writes one frame
// that says so, KindUnreachable, and returns an error.
func (c Channel) Copy(ctx context.Context, in io.Reader, out io.Writer) error {
	conn, err := c.connect(ctx)
	if err != nil {
		failure := guest.Errorf(guest.KindUnreachable, "no agent runs in the guest: %v", err)
		text, broken := json.Marshal(guest.Answer("", nil, failure))
		if broken == nil {
			broken = guest.WriteFrame(out, text)
		}
		return errors.Join(fmt.Errorf("connecting to the agent: %w", err), broken)
	}
	defer func() { _ = conn.Close() }() // both directions have ended
	go func() {
		// Ends with the process: a read of standard input cannot be woken.
		_, _ = io.Copy(conn, in)
		_ = conn.CloseWrite()
	}()
	if _, err := io.Copy(out, conn); err != nil {
		return fmt.Errorf("copying from the agent: %w", err)
	}
	return nil
}

func (c Channel) connect(ctx context.Context) (*net.UnixConn, error) {
	name, wait := socketName, c.Wait
	if c.ReadOnly {
		name = readOnlySocketName
	}
	if wait == 0 {
		wait = defaultChannelWait
	}
	var conn *net.UnixConn
	err := poll(ctx, wait, func() (bool, error) {
		var err error
		conn, err = dialSocket(ctx, c.Root, name)
		return err == nil, err
	})
	return conn, err
}
