// Package routed makes one cloud of several: what is in another cloud than the default one has an id that says so,
// "west/4f..", and every call goes where its id or its spec says.
package routed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/trovectl/trovectl/providers"
)

// New makes one cloud of a default one and others by alias. Lists hold what all of them have; a list that some of them did
// not answer is a *providers.PartialError with what the others have. A service is there when any of them has it. Containers
// are those of the default cloud. down are the clouds that could not be reached at all: every call to them fails so.
// Without others it is the default cloud itself.
func New(base *providers.Cloud, others map[string]*providers.Cloud, down map[string]error) *providers.Cloud {
	if len(others)+len(down) == 0 {
		return base
	}
	r := &router{clouds: map[string]*providers.Cloud{"": base}, down: down}
	maps.Copy(r.clouds, others)
	for alias := range down {
		r.clouds[alias] = &providers.Cloud{}
	}
	r.aliases = slices.Sorted(maps.Keys(r.clouds))
	out := &providers.Cloud{Identity: base.Identity, Containers: base.Containers, Others: map[string]providers.Identity{}}
	r.whole = out
	for _, alias := range r.aliases {
		if alias != "" {
			out.Others[alias] = r.clouds[alias].Identity
		}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Servers != nil }) {
		out.Servers, out.ServerWaits = servers{r}, serverWaits{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.ServerActions != nil }) {
		out.ServerActions, out.Attachments = actions{r}, attachments{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.ServerGroups != nil }) {
		out.ServerGroups = serverGroups{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Resizes != nil }) {
		out.Resizes = resizes{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Flavors != nil }) {
		out.Flavors = flavors{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Volumes != nil }) {
		out.Volumes, out.VolumeWaits = volumes{r}, volumeWaits{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Images != nil }) {
		out.Images = images{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Networks != nil }) {
		out.Networks = networks{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Ports != nil }) {
		out.Ports = ports{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.SecurityGroups != nil }) {
		out.SecurityGroups = groups{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.FloatingIPs != nil }) {
		out.FloatingIPs = floatingIPs{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Broker != nil }) {
		out.Broker = brokers{r}
	}
	if r.any(func(c *providers.Cloud) bool { return c.Limits != nil }) {
		out.Limits = limits{r}
	}
	return out
}

// router knows which cloud an id means.
type router struct {
	whole   *providers.Cloud            // what all of them make
	clouds  map[string]*providers.Cloud // by alias; "" is the default
	aliases []string                    // sorted
	down    map[string]error            // by alias
}

func (r *router) any(has func(*providers.Cloud) bool) bool {
	return slices.ContainsFunc(r.aliases, func(alias string) bool { return has(r.clouds[alias]) })
}

// split gives the alias and the id that its own cloud knows. An id whose first part is no alias is the default cloud's.
func (r *router) split(id string) (alias, bare string) {
	return r.whole.ProviderOf(id), r.whole.Bare(id)
}

func absent(call, alias string) error {
	return &providers.Error{
		Kind: providers.KindInvalid, Call: call,
		Message: fmt.Sprintf("the cloud of the provider %q does not have this service", alias),
	}
}

// service picks the cloud that an alias means and the service of it that a call needs.
func service[S comparable](r *router, call, alias string, of func(*providers.Cloud) S) (found S, err error) {
	var none S
	cloud := r.clouds[alias]
	if cloud == nil {
		return none, &providers.Error{Kind: providers.KindInvalid, Call: call, Message: fmt.Sprintf("there is no provider %q", alias)}
	}
	if err := r.down[alias]; err != nil {
		return none, err
	}
	if found = of(cloud); found == none {
		return none, absent(call, alias)
	}
	return found, nil
}

// gather lists what every cloud that has the service holds, side by side, in the order of the aliases. turn gives an
// object the ids of the whole.
func gather[S comparable, T any](ctx context.Context, r *router, of func(*providers.Cloud) S, list func(context.Context, S) ([]T, error), turn func(alias string, object T) T) ([]T, error) {
	var none S
	parts, errs := make([][]T, len(r.aliases)), make([]error, len(r.aliases))
	var group sync.WaitGroup
	for i, alias := range r.aliases {
		s := of(r.clouds[alias])
		if errs[i] = r.down[alias]; s == none {
			continue
		}
		group.Go(func() { parts[i], errs[i] = list(ctx, s) })
	}
	group.Wait()
	var all []T
	failed := map[string]error{}
	for i, alias := range r.aliases {
		if errs[i] != nil {
			failed[alias] = errs[i]
			continue
		}
		for _, object := range parts[i] {
			all = append(all, turn(alias, object))
		}
	}
	if len(failed) > 0 {
		return all, &providers.PartialError{Failed: failed}
	}
	return all, nil
}

// named gives ids their alias.
func named(alias string, ids []string) []string {
	if alias == "" || ids == nil {
		return ids
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = providers.Qualify(alias, id)
	}
	return out
}

// bare takes the alias from ids of one cloud; one of another cloud is refused.
func (r *router) bare(call, alias string, ids ...string) ([]string, error) {
	out := make([]string, len(ids))
	for i, id := range ids {
		in, bare := r.split(id)
		if in != alias && id != "" {
			return nil, &providers.Error{
				Kind: providers.KindInvalid, Call: call, Message: fmt.Sprintf("%s is not in the cloud of the provider %q", id, alias),
			}
		}
		out[i] = bare
	}
	return out, nil
}
