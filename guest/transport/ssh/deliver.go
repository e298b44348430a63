package ssh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
)

// A Parcel is the agent's program on its way to a guest that was born without it.
type Parcel struct {
	SHA256  string // in hex
	Machine string // of the guests that can run it, as uname -m names it
	Size    int64  // bytes
	Content io.Reader
}

// delivery is what is asked for in place of the channel; the script in the agent's place answers it.
const delivery = "deliver"

// Deliver sends the agent to a guest that waits for it. A guest that waits for another agent, or is of another
// architecture, is KindUnsupported and nothing was sent; a connection that broke is KindUnreachable, and the delivery MAY
// begin again with a new Parcel. ctx bounds the whole.
func (d *Dialer) Deliver(ctx context.Context, target Target, parcel Parcel) error {
	within, cancel := context.WithTimeout(ctx, d.handshakes())
	defer cancel()
	client, _, err := d.login(within, target)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	if err := hand(client, parcel); err != nil {
		var known *guest.Error
		if errors.As(err, &known) {
			return known
		}
		return d.unreachable(ctx, guest.StageAgent, d.route(target), fmt.Errorf("delivering the agent: %w", err))
	}
	return nil
}

// hand speaks with the script: it says what it wants, gets the size and the bytes, and says that it has taken them.
func hand(client *ssh.Client, parcel Parcel) error {
	stream, err := startCommand(client, delivery)
	if err != nil {
		return err
	}
	answers := bufio.NewReader(io.LimitReader(stream, 1<<10))
	said, err := answers.ReadString('\n')
	if err != nil {
		return err
	}
	var machine, digest string
	if _, err := fmt.Sscanf(said, "wants %s %s\n", &machine, &digest); err != nil {
		return fmt.Errorf("the guest says %.100q in place of what it wants", strings.TrimSpace(said))
	}
	switch {
	case machine != parcel.Machine:
		return guest.Errorf(guest.KindUnsupported, "the guest is a %s machine and the agent is built for %s", machine, parcel.Machine)
	case digest != parcel.SHA256:
		return guest.Errorf(guest.KindUnsupported, "the guest was made to wait for the agent with SHA-256 %s, and this one has %s", digest, parcel.SHA256)
	}
	_, sending := io.Copy(stream, io.MultiReader(strings.NewReader(fmt.Sprintf("%d\n", parcel.Size)), parcel.Content))
	// A script that ended early knows better than the stream why.
	if said, err = answers.ReadString('\n'); err != nil {
		return err
	}
	if sending != nil {
		return sending
	}
	if strings.TrimSpace(said) != "taken" {
		return fmt.Errorf("the guest says %.100q after it got the agent", strings.TrimSpace(said))
	}
	return nil
}
