package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/state"
)

// brokers asks each broker's management who it is, and whether it takes messages.
func (d *doctor) brokers(ctx context.Context) {
	for _, alias := range slices.Sorted(maps.Keys(d.config.Guest.AMQP)) {
		a := d.config.Guest.AMQP[alias]
		ctx, cancel := context.WithTimeout(ctx, doctorPatience)
		begun := time.Now()
		broker, err := d.openBroker(d.config.Guest, alias)
		if err != nil {
			found := brokerDiagnostic(a, err)
			d.tell("broker", a.ManagementURL, view.Bad, err.Error(), found.Hint)
			cancel()
			continue
		}
		id, err := broker.Identity(ctx)
		cancel()
		switch {
		case err != nil:
			d.tell("broker", a.ManagementURL, view.Bad, err.Error(), brokerDiagnostic(a, err).Hint)
		case len(id.Alarms) > 0:
			d.tell("broker", a.ManagementURL, view.Bad, "takes no messages: "+strings.Join(id.Alarms, "; "), brokerBlocked(a, id).Hint)
		default:
			d.tell("broker", a.ManagementURL, view.Good, fmt.Sprintf("%s (%s) as %s, in %d ms", id.Product, id.Cluster, id.User, time.Since(begun).Milliseconds()), "")
		}
	}
}

// atBroker goes the way over the broker alone: our login, the guest's queue and who consumes it, and what the guest said last.
func (d *doctor) atBroker(ctx context.Context, v visit) (out view.Finding, asked bool) {
	if !slices.Contains(v.member.Transports, resource.TransportAMQP) || v.record.Status != state.Ready {
		return out, false
	}
	out = view.Finding{Check: "guest-amqp", Subject: v.record.Address.String(), Verdict: view.Good}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	target, err := v.reach.overBroker(v.member, v.member.Generations())
	if err == nil {
		carrier, failed := v.reach.amqp.Dial(ctx, target)
		if err = failed; failed == nil {
			_ = carrier.Close()
		}
	}
	if err != nil {
		out.Verdict, out.Text, out.Hint = view.Bad, err.Error(), brokerHint(err, target.Broker.VHost)
	} else {
		out.Text = fmt.Sprintf("its agent takes requests in the vhost %s", target.Broker.VHost)
	}
	switch last, at, err := v.reach.Heard(ctx, v.member); {
	case err == nil && last.Broker != "" && last.Broker != guestConnected:
		out.Text += fmt.Sprintf("; last heard %s ago: %s (%s)", observe.Age(time.Now(), at), last.Status, last.Broker)
	case err == nil:
		out.Text += fmt.Sprintf("; last heard %s ago: %s", observe.Age(time.Now(), at), last.Status)
	case out.Verdict == view.Good:
		out.Text += "; it has said nothing of itself yet"
	}
	return out, true
}

// guestConnected is how an agent tells that it is at its broker.
const guestConnected = "connected"

// brokerHint says what to do about a way that ended at a broker.
func brokerHint(err error, vhost string) string {
	switch guest.StageOf(err) {
	case guest.StageConnect:
		return "Check url in transport \"amqp\", and the way to the broker from this machine."
	case guest.StageGreet:
		return "Check url and ca_file in transport \"amqp\": another port, http in place of TLS, or a certificate of another authority."
	case guest.StageAgent:
		return "The agent is at the broker and does not answer us: look at its log in the guest, and compare the clocks of both sides."
	default:
		return fmt.Sprintf("Look at the broker (`rabbitmqctl list_queues -p %s name consumers`) and at the agent's log in the guest (`journalctl -u trove-guestagent`): "+
			"where its account was changed, `trovectl apply` puts it right.", vhost)
	}
}
