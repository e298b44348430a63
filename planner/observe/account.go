package observe

import (
	"context"
	"errors"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// readAccounts lists what guests have at the broker. The list is complete whatever it lacks.
func (l *look) readAccounts(ctx context.Context) {
	into := &l.lists.accounts
	if l.sources.Cloud.Broker == nil {
		into.err = errNoService
		return
	}
	into.all, into.err = l.sources.Cloud.Broker.List(ctx)
	if errors.As(into.err, &into.partial) || into.err == nil {
		into.byID = make(map[string]providers.Account, len(into.all))
		for _, a := range into.all {
			into.byID[a.ID] = a
		}
	}
}

// account tells what is wrong with a machine's account at the broker (empty: nothing), or why that is not known.
func (l *look) account(m machine) (wrong, unknown string) {
	object, filled := l.prior.Object(m.member.ID, state.SlotAccount)
	broker := m.body.Guest.Broker
	if !filled || broker == nil || l.sources.Rights == nil || m.record.Status != state.Ready {
		return "", ""
	}
	err := l.lists.accounts.err
	if l.lists.accounts.partial != nil {
		err = l.lists.accounts.partial.Of(object.ID)
	}
	if err != nil {
		return "", err.Error()
	}
	has, there := l.lists.accounts.byID[object.ID]
	if !there {
		return "the user is gone", ""
	}
	return strings.Join(wanted(l, m, *broker, object).Differences(has), "; "), ""
}

// wanted is the account that a machine should have.
func wanted(l *look, m machine, broker resource.GuestBroker, object state.Object) providers.AccountSpec {
	return providers.AccountSpec{
		Name: l.sources.Cloud.Bare(object.ID), VHost: m.member.VHost, Rights: l.sources.Rights(m.member.ID, broker),
	}
}
