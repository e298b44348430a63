package routed

import (
	"context"
	"errors"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

// brokers goes to the broker of the cloud that an id or a spec names, and to that of the default cloud for a cloud without one
// of its own.
type brokers struct{ *router }

func theBroker(c *providers.Cloud) providers.Broker { return c.Broker }

func account(alias string, a providers.Account) providers.Account {
	a.ID = providers.Qualify(alias, a.ID)
	return a
}

// home is the alias of the cloud whose broker a cloud's guests have.
func (r brokers) home(alias string) string {
	if r.clouds[alias] != nil && r.clouds[alias].Broker != nil {
		return alias
	}
	return ""
}

func (r brokers) at(call, id string) (providers.Broker, string, error) {
	alias, bare := r.split(id)
	b, err := service(r.router, call, r.home(alias), theBroker)
	return b, bare, err
}

// Identity implements providers.Broker: the first broker, with the alarms of all.
func (r brokers) Identity(ctx context.Context) (whole providers.BrokerIdentity, err error) {
	var errs []error
	for _, alias := range slices.Backward(r.aliases) {
		if b := r.clouds[alias].Broker; b != nil {
			id, err := b.Identity(ctx)
			id.Alarms = append(id.Alarms, whole.Alarms...)
			whole, errs = id, append(errs, err)
		}
	}
	return whole, errors.Join(errs...)
}

// Put implements providers.Broker.
func (r brokers) Put(ctx context.Context, spec providers.AccountSpec) (providers.Account, error) {
	alias := r.home(spec.Provider)
	b, err := service(r.router, "put account", alias, theBroker)
	if err != nil {
		return providers.Account{}, err
	}
	made, err := b.Put(ctx, spec)
	return account(alias, made), err
}

// List implements providers.Broker.
func (r brokers) List(ctx context.Context) ([]providers.Account, error) {
	return gather(ctx, r.router, theBroker, func(ctx context.Context, b providers.Broker) ([]providers.Account, error) {
		return b.List(ctx)
	}, account)
}

// SetPassword implements providers.Broker.
func (r brokers) SetPassword(ctx context.Context, id, password string) error {
	b, bare, err := r.at("set password", id)
	if err != nil {
		return err
	}
	return b.SetPassword(ctx, bare, password)
}

// Disconnect implements providers.Broker.
func (r brokers) Disconnect(ctx context.Context, id string) error {
	b, bare, err := r.at("disconnect account", id)
	if err != nil {
		return err
	}
	return b.Disconnect(ctx, bare)
}

// Delete implements providers.Broker.
func (r brokers) Delete(ctx context.Context, id string) error {
	b, bare, err := r.at("delete account", id)
	if err != nil {
		return err
	}
	return b.Delete(ctx, bare)
}
