package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/providers"
)

const putAccount = "put account"

// everything is the operator's right in a vhost that Put made.
var everything = providers.Permission{Configure: ".*", Write: ".*", Read: ".*"}

// Put implements providers.Broker. Every request of it sets a state, so that one that was cut short is gone on with from
// its top. The vhost comes first: with its mark what was begun is found.
func (b *Broker) Put(ctx context.Context, spec providers.AccountSpec) (providers.Account, error) {
	if err := spec.Mark.Valid(); err != nil {
		return providers.Account{}, &providers.Error{Kind: providers.KindInvalid, Call: putAccount, Message: err.Error(), Err: err}
	}
	has, there, err := b.before(ctx, spec)
	if err != nil {
		return providers.Account{}, err
	}
	home := spec.Home()
	if spec.VHost == "" {
		body := map[string]string{"description": spec.Mark.String()}
		if err := b.put(ctx, putAccount, body, "vhosts", home); err != nil {
			return providers.Account{}, err
		}
		if err := b.put(ctx, putAccount, permissionOf(everything), "permissions", home, b.options.Operator); err != nil {
			return providers.Account{}, err
		}
	}
	if err := b.putUser(ctx, spec, has, there); err != nil {
		return providers.Account{}, err
	}
	for _, part := range []func(context.Context, providers.AccountSpec) error{b.confine, b.permit, b.bound} {
		if err := part(ctx, spec); err != nil {
			return providers.Account{}, err
		}
	}
	return providers.Account{ID: spec.Name, Mark: spec.Mark, VHost: home, Operated: spec.VHost == "", Rights: spec.Rights}, nil
}

// before looks at what is there under the account's name: it must not be somebody else's.
func (b *Broker) before(ctx context.Context, spec providers.AccountSpec) (has user, there bool, err error) {
	foreign := func(what string, mark providers.Mark) error {
		if mark.IsZero() || mark.Lineage == spec.Mark.Lineage && mark.Member == spec.Mark.Member {
			return nil
		}
		return &providers.Error{
			Kind: providers.KindConflict, Call: putAccount, Status: http.StatusConflict, Sent: true,
			Message: fmt.Sprintf("there is a %s %s, which bears the mark %q", what, spec.Name, mark),
		}
	}
	err = b.get(ctx, putAccount, &has, "users", spec.Name)
	if there = err == nil; err != nil && !providers.IsKind(err, providers.KindNotFound) {
		return has, false, err
	}
	mark, _ := has.mark()
	if err := foreign("user", mark); err != nil {
		return has, there, err
	}
	if spec.VHost != "" {
		return has, there, b.shared(ctx, putAccount, spec.VHost)
	}
	var own vhost
	if err := b.get(ctx, putAccount, &own, "vhosts", spec.Name); err != nil && !providers.IsKind(err, providers.KindNotFound) {
		return has, there, err
	}
	return has, there, foreign("vhost", providers.ParseMark(own.Description))
}

// putUser makes the user, or gives one that is there its tags back and leaves its password as it is.
func (b *Broker) putUser(ctx context.Context, spec providers.AccountSpec, has user, there bool) error {
	none := ""
	body := user{Tags: names{spec.Mark.String()}, Password: spec.Password}
	switch {
	case there && slices.Equal(has.Tags, body.Tags):
		return nil
	case there:
		body.Password, body.PasswordHash, body.Algorithm = "", has.PasswordHash, has.Algorithm
	case spec.Password == "":
		body.PasswordHash = &none
	}
	return b.put(ctx, putAccount, body, "users", spec.Name)
}

// confine takes away what the account may do elsewhere than in its vhost.
func (b *Broker) confine(ctx context.Context, spec providers.AccountSpec) error {
	for _, kind := range []string{"permissions", "topic-permissions"} {
		var all []permission
		if err := b.get(ctx, putAccount, &all, "users", spec.Name, kind); err != nil {
			return err
		}
		for _, p := range all {
			_, wanted := spec.Topics[p.Exchange]
			if p.VHost == spec.Home() && (p.Exchange == "" || wanted) {
				continue
			}
			if err := b.remove(ctx, putAccount, kind, p.VHost, spec.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// permit sets what the account may do in its vhost.
func (b *Broker) permit(ctx context.Context, spec providers.AccountSpec) error {
	if err := b.put(ctx, putAccount, permissionOf(spec.Permission), "permissions", spec.Home(), spec.Name); err != nil {
		return err
	}
	for _, exchange := range slices.Sorted(maps.Keys(spec.Topics)) {
		body := permissionOf(spec.Topics[exchange])
		body.Exchange = exchange
		if err := b.put(ctx, putAccount, body, "topic-permissions", spec.Home(), spec.Name); err != nil {
			return err
		}
	}
	return nil
}

func permissionOf(p providers.Permission) permission {
	return permission{Configure: p.Configure, Write: p.Write, Read: p.Read}
}

// bound sets limits and policies.
func (b *Broker) bound(ctx context.Context, spec providers.AccountSpec) error {
	set := func(limits map[string]int, kind, whose string) error {
		for _, name := range slices.Sorted(maps.Keys(limits)) {
			if err := b.put(ctx, putAccount, map[string]int{"value": limits[name]}, kind, whose, name); err != nil {
				return err
			}
		}
		return nil
	}
	if err := set(spec.UserLimits, "user-limits", spec.Name); err != nil {
		return err
	}
	if spec.VHost == "" {
		if err := set(spec.VHostLimits, "vhost-limits", spec.Name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Policies)) {
		if err := b.put(ctx, putAccount, policyOf(spec.Policies[name]), "policies", spec.Home(), name); err != nil {
			return err
		}
	}
	return nil
}

// everyone is what the broker has of every kind.
type everyone struct {
	vhosts      []vhost
	users       []user
	permissions []permission
	topics      []permission
	limits      []vhostLimits
	policies    []policy
}

// List implements providers.Broker, with one list call per kind (vhosts have pages), all at the same time.
func (b *Broker) List(ctx context.Context) ([]providers.Account, error) {
	var all everyone
	lists := []func() error{
		func() (err error) {
			all.vhosts, err = list[vhost](ctx, b, "name,description", "vhosts")
			return err
		},
		func() (err error) { all.users, err = list[user](ctx, b, "", "users"); return err },
		func() (err error) { all.permissions, err = list[permission](ctx, b, "", "permissions"); return err },
		func() (err error) { all.topics, err = list[permission](ctx, b, "", "topic-permissions"); return err },
		func() (err error) { all.limits, err = list[vhostLimits](ctx, b, "", "vhost-limits"); return err },
		func() (err error) { all.policies, err = list[policy](ctx, b, "", "policies"); return err },
	}
	errs := make([]error, len(lists))
	var group errgroup.Group
	for i, read := range lists {
		group.Go(func() error {
			errs[i] = read()
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	// The first by their order, not by the clock: what is told of a broker that is down is the same every time.
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all.accounts(b.options.Operator), nil
}

// accounts puts together what bears a mark, sorted by id.
func (all everyone) accounts(operator string) []providers.Account {
	found := map[string]*providers.Account{}
	for _, v := range all.vhosts {
		if mark := providers.ParseMark(v.Description); !mark.IsZero() {
			found[v.Name] = &providers.Account{ID: v.Name, VHost: v.Name, Mark: mark, Userless: true}
		}
	}
	for _, u := range all.users {
		mark, others := u.mark()
		a := found[u.Name]
		switch {
		case a == nil && mark.IsZero():
			continue
		case a == nil:
			a = &providers.Account{ID: u.Name, Mark: mark}
			found[u.Name] = a
		case !mark.IsZero():
			a.Mark = mark
		}
		a.Userless, a.UserLimits = false, u.Limits
		for _, tag := range others {
			a.Strange = append(a.Strange, "the user has the tag "+clean(tag))
		}
	}
	all.rights(found, operator)
	out := make([]providers.Account, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[id].Strange)
		out = append(out, *found[id])
	}
	return out
}

// rights gives the accounts what they may do, and where.
func (all everyone) rights(found map[string]*providers.Account, operator string) {
	slices.SortFunc(all.permissions, func(a, b permission) int { return cmp.Compare(a.VHost, b.VHost) })
	operated := map[string]bool{}
	for _, p := range all.permissions {
		if p.User == operator && p.plain() == everything {
			operated[p.VHost] = true
		}
		a := found[p.User]
		switch {
		case a == nil:
		case a.VHost == "" || a.VHost == p.VHost:
			a.VHost, a.Permission = p.VHost, p.plain()
		default:
			a.Strange = append(a.Strange, "the user may enter the vhost "+clean(p.VHost))
		}
	}
	for _, p := range all.topics {
		if a := found[p.User]; a != nil && a.VHost == p.VHost {
			if a.Topics == nil {
				a.Topics = map[string]providers.Permission{}
			}
			a.Topics[p.Exchange] = p.plain()
		}
	}
	policies := map[string]map[string]providers.Policy{}
	for _, p := range all.policies {
		if policies[p.VHost] == nil {
			policies[p.VHost] = map[string]providers.Policy{}
		}
		policies[p.VHost][p.Name] = p.plain()
	}
	for _, l := range all.limits {
		if a := found[l.VHost]; a != nil && a.VHost == l.VHost {
			a.VHostLimits = l.Value
		}
	}
	for _, a := range found {
		a.Operated, a.Policies = operated[a.VHost], policies[a.VHost]
	}
}

// SetPassword implements providers.Broker. The tags are sent with it: a user is always set whole.
func (b *Broker) SetPassword(ctx context.Context, id, password string) error {
	const call = "set password"
	var has user
	if err := b.get(ctx, call, &has, "users", id); err != nil {
		return err
	}
	return b.put(ctx, call, user{Password: password, Tags: append(names{}, has.Tags...)}, "users", id)
}

// Disconnect implements providers.Broker.
func (b *Broker) Disconnect(ctx context.Context, id string) error {
	for tries := 1; ; tries++ {
		err := b.remove(ctx, "disconnect account", "connections", "username", id)
		// RabbitMQ 3.10 answers 500 where one of the connections ends by itself meanwhile.
		if !providers.IsKind(err, providers.KindTransient) || tries == disconnectTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(disconnectPause):
		}
	}
}

// How often, and how long after one another, connections that are ending are asked to end.
const (
	disconnectTries = 5
	disconnectPause = 200 * time.Millisecond
)

// Delete implements providers.Broker. Without its user the guest is cut off at once; the vhost takes its queues along.
func (b *Broker) Delete(ctx context.Context, id string) error {
	const call = "delete account"
	if err := b.remove(ctx, call, "users", id); err != nil {
		return err
	}
	return b.remove(ctx, call, "vhosts", id)
}
