package memory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/providers"
)

// account is a broker's account with what only a login needs.
type account struct {
	providers.Account
	password string
	logins   int // that the guest has open
}

// Broker is the management of the cloud's broker, with what a test may do there beside it. Its vhosts "/" and "shared" are
// the operator's.
type Broker struct{ c *Cloud }

// Broker gives it.
func (c *Cloud) Broker() *Broker { return &Broker{c} }

const sharedVHost = "shared"

// Identity implements providers.Broker.
func (b *Broker) Identity(ctx context.Context) (id providers.BrokerIdentity, err error) {
	err = b.c.do(ctx, "identify broker", "", func(*Fault) error {
		id = providers.BrokerIdentity{Product: "memory", Cluster: "memory", User: "admin"}
		return nil
	})
	return id, err
}

// Put implements providers.Broker.
func (b *Broker) Put(ctx context.Context, spec providers.AccountSpec) (made providers.Account, err error) {
	const call = "put account"
	if err := marked(call, spec.Mark); err != nil {
		return made, err
	}
	err = b.c.do(ctx, call, spec.Name, func(f *Fault) error {
		if spec.VHost != "" && spec.VHost != sharedVHost {
			return refuse(providers.KindInvalid, call, "the broker has no vhost %q", spec.VHost)
		}
		row := b.c.accounts.get(spec.Name)
		if row != nil && !row.Mark.IsZero() && (row.Mark.Lineage != spec.Mark.Lineage || row.Mark.Member != spec.Mark.Member) {
			return refuse(providers.KindConflict, call, "there is a user %s, which bears the mark %q", spec.Name, row.Mark)
		}
		if row == nil {
			row = &account{Account: providers.Account{Userless: true}}
			b.c.accounts.add(spec.Name, row)
		}
		if row.Userless {
			row.password = spec.Password
		}
		row.Account = providers.Account{ID: spec.Name, Mark: spec.Mark, VHost: spec.Home(), Operated: spec.VHost == "", Rights: cloneRights(spec.Rights)}
		made = b.c.accountView(row)
		return nil
	})
	if err != nil {
		return providers.Account{}, err
	}
	return made, nil
}

func cloneRights(r providers.Rights) providers.Rights {
	r.Topics, r.UserLimits, r.VHostLimits, r.Policies = maps.Clone(r.Topics), maps.Clone(r.UserLimits), maps.Clone(r.VHostLimits), maps.Clone(r.Policies)
	return r
}

func (c *Cloud) accountView(row *account) providers.Account {
	a := row.Account
	a.Rights, a.Strange = cloneRights(a.Rights), slices.Clone(a.Strange)
	return a
}

// List implements providers.Broker.
func (b *Broker) List(ctx context.Context) (all []providers.Account, err error) {
	err = b.c.do(ctx, "list accounts", "", func(*Fault) error {
		b.c.accounts.each(func(row *account) {
			if !row.Mark.IsZero() {
				all = append(all, b.c.accountView(row))
			}
		})
		slices.SortFunc(all, func(a, b providers.Account) int { return strings.Compare(a.ID, b.ID) })
		return nil
	})
	return all, err
}

// SetPassword implements providers.Broker.
func (b *Broker) SetPassword(ctx context.Context, id, password string) error {
	const call = "set password"
	return b.c.do(ctx, call, id, func(*Fault) error {
		row := b.c.accounts.get(id)
		if row == nil || row.Userless {
			return refuse(providers.KindNotFound, call, "there is no user %s", id)
		}
		row.password = password
		return nil
	})
}

// Disconnect implements providers.Broker.
func (b *Broker) Disconnect(ctx context.Context, id string) error {
	return b.c.do(ctx, "disconnect account", id, func(*Fault) error {
		if row := b.c.accounts.get(id); row != nil {
			row.logins = 0
		}
		return nil
	})
}

// Delete implements providers.Broker.
func (b *Broker) Delete(ctx context.Context, id string) error {
	return b.c.do(ctx, "delete account", id, func(*Fault) error {
		b.c.accounts.remove(id)
		return nil
	})
}

// Login opens a connection as a guest does, and tells whether the broker let it in. It counts as no call.
func (b *Broker) Login(id, password string) bool {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	row := b.c.accounts.get(id)
	if row == nil || row.Userless || row.password != password {
		return false
	}
	row.logins++
	return true
}

// Logins tells how many connections a guest has open.
func (b *Broker) Logins(id string) int {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if row := b.c.accounts.get(id); row != nil {
		return row.logins
	}
	return 0
}

// ByHand changes an account as somebody at the broker does. A change that leaves it without an id deletes it.
func (b *Broker) ByHand(id string, change func(*providers.Account)) {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	row := b.c.accounts.get(id)
	if row == nil {
		return
	}
	change(&row.Account)
	if row.ID == "" {
		b.c.accounts.remove(id)
	} else if row.Userless {
		row.logins = 0
	}
}
