package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// certify gives the engine a certificate for its addresses and declared names, where the guest asks for one. The key is the
// guest's own and stays there.
func (i *instanceAct) certify(ctx context.Context, client channel) error {
	within, cancel := context.WithTimeout(ctx, i.Timeouts.Request)
	defer cancel()
	seen, err := client.Inspect(within, guest.Inspect{})
	if err != nil || seen.TLS == nil {
		return err
	}
	member := i.hands.Member()
	names := i.body.CertificateNames(member.Address, member.FloatingAddress)
	certificate, ca, err := i.Identities.Certify(seen.TLS.Request, names, i.Clock.Now())
	if err != nil {
		return fmt.Errorf("making a certificate for %s: %w", i.step.Address, err)
	}
	body := guest.Certify{Certificate: certificate, CA: ca, Required: i.body.TLS.Required}
	asked := []any{names, i.body.TLS.Required, seen.TLS.Request, seen.TLS.Fingerprint} // the certificate itself is another each time
	return i.hands.Call(ctx, i.guestRequest("certify", asked, func(ctx context.Context, id string) error {
		certified, err := client.Certify(ctx, id, body)
		if err == nil && certified.Pending {
			i.notes = append(i.notes, "its certificate is in use after a restart of the engine")
		}
		return err
	}, nil))
}

// addressPaths are the paths of changes after which clients may come by another address.
var addressPaths = []string{"access.public", "access.public_network", "access.floating_ip", plan.PathAddress}

// renamed puts the address that clients come by now into the certificate. A guest that does not answer keeps nobody from
// having the address: the next plan sees what its certificate lacks.
func (i *instanceAct) renamed(ctx context.Context) error {
	if i.touches("tls") {
		return nil // done with it
	}
	err := i.recertify(ctx)
	if err != nil && unreachable(err) {
		i.notes = append(i.notes, "its guest did not answer, and its certificate does not name its addresses yet: the next apply sees to that")
		return nil
	}
	return err
}

// recertify is certify for an instance in service.
func (i *instanceAct) recertify(ctx context.Context) error {
	client, err := i.reach(ctx, i.hands.Member())
	if err != nil {
		return err
	}
	defer client.close()
	return i.certify(ctx, client)
}
