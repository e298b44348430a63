package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// A lister reads a complete list, and one object by its id. It is all of a service that a look uses.
type lister[T any] interface {
	List(ctx context.Context) ([]T, error)
	Get(ctx context.Context, id string) (T, error)
}

// listing is one list, by id, or why there is none.
type listing[T any] struct {
	byID map[string]T
	all  []T
	err  error
	// partial: some of several clouds did not answer, and the list is complete for the others.
	partial *providers.PartialError
}

// unread says why what a provider's cloud has is not in the list; nil: it is.
func (l listing[T]) unread(provider string) error {
	if l.partial != nil {
		return l.partial.Failed[provider]
	}
	return l.err
}

type lists struct {
	servers listing[providers.Server]
	volumes listing[providers.Volume]
	ports   listing[providers.Port]
	groups  listing[providers.SecurityGroup]
	// Floating IPs are no part of what every look needs: where they cannot be listed, only what has one is not known.
	floating listing[providers.FloatingIP]
	// Neither are server groups, of which nothing but what is nobody's is told.
	serverGroups listing[providers.ServerGroup]
	// Neither are accounts at the broker: where it does not answer, only they are not known.
	accounts listing[providers.Account]
}

var errNoService = errors.New("the cloud does not have this service")

// read fills a listing; a nil service has none. Lists may be behind: what is recorded and not listed is absent only when
// the service does not know its id either.
func read[T any](ctx context.Context, into *listing[T], service lister[T], id func(T) string, recorded []string) error {
	if service == nil {
		into.err = errNoService
		return into.err
	}
	into.all, into.err = service.List(ctx)
	if into.err != nil && !errors.As(into.err, &into.partial) {
		return into.err
	}
	into.byID = make(map[string]T, len(into.all))
	for _, object := range into.all {
		into.byID[id(object)] = object
	}
	missing := slices.DeleteFunc(recorded, func(id string) bool {
		_, listed := into.byID[id]
		return listed || into.partial != nil && into.partial.Of(id) != nil
	})
	late := make([]*T, len(missing))
	var group errgroup.Group
	group.SetLimit(getsAtOnce)
	for i, id := range missing {
		group.Go(func() error {
			object, err := service.Get(ctx, id)
			if err == nil {
				late[i] = &object
			} else if !providers.IsKind(err, providers.KindNotFound) {
				return err
			}
			return nil
		})
	}
	into.err = cmp.Or(into.err, group.Wait())
	for i, object := range late {
		if object != nil {
			into.all, into.byID[missing[i]] = append(into.all, *object), *object
		}
	}
	return into.err
}

// getsAtOnce bounds the objects of one service that are asked for beside each other.
const getsAtOnce = 8

// recorded lists what the record has of a kind of object.
func (l *look) recorded(kind state.Slot) []string {
	var ids []string
	if l.prior == nil {
		return ids
	}
	for _, member := range l.prior.Members {
		for slot, object := range member.Objects {
			if slot.Object() == kind {
				ids = append(ids, object.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// list reads every list once, all at the same time.
func (l *look) list(ctx context.Context) error {
	c := l.sources.Cloud
	jobs := []func() error{
		func() error {
			return read(ctx, &l.lists.servers, c.Servers, func(s providers.Server) string { return s.ID }, l.recorded(state.SlotServer))
		},
		func() error {
			return read(ctx, &l.lists.volumes, c.Volumes, func(v providers.Volume) string { return v.ID }, l.recorded(state.SlotVolume))
		},
		func() error {
			return read(ctx, &l.lists.ports, c.Ports, func(p providers.Port) string { return p.ID }, l.recorded(state.SlotPort))
		},
		func() error {
			return read(ctx, &l.lists.groups, c.SecurityGroups, func(g providers.SecurityGroup) string { return g.ID }, l.recorded(state.SlotSecurityGroup))
		},
	}
	needed := len(jobs)
	jobs = append(jobs, func() error {
		_ = read(ctx, &l.lists.floating, c.FloatingIPs, func(f providers.FloatingIP) string { return f.ID }, l.recorded(state.SlotFloatingIP)) // the list keeps it
		return nil
	})
	jobs = append(jobs, func() error {
		_ = read(ctx, &l.lists.serverGroups, c.ServerGroups, func(g providers.ServerGroup) string { return g.ID }, nil) // the list keeps it
		return nil
	})
	jobs = append(jobs, func() error { l.readAccounts(ctx); return nil }) // as above
	if len(l.desired.Resources) > 0 {
		jobs = append(jobs, l.choices(ctx)...)
		jobs = append(jobs, l.limits(ctx)...)
	}
	errs := make([]error, len(jobs))
	var group sync.WaitGroup
	for i, job := range jobs {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i] = job()
		}()
	}
	group.Wait()
	l.offerFloating()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("looking at the cloud: %w", err)
	}
	l.away(errs[needed:])
	failed := 0
	for i, err := range errs {
		if unauthorized(err) {
			return fmt.Errorf("looking at the cloud: %w", err)
		}
		if err != nil && i < needed && !othersAnswered(err) {
			failed++
		}
	}
	if failed == needed {
		return fmt.Errorf("looking at the cloud: %w", errors.Join(errs[:needed]...))
	}
	return nil
}

// unauthorized tells refused credentials from one call that a policy forbids.
func unauthorized(err error) bool {
	var e *providers.Error
	return !othersAnswered(err) && errors.As(err, &e) && e.Kind == providers.KindDenied && e.Status != 403
}

// othersAnswered tells whether an error is that of further clouds alone.
func othersAnswered(err error) bool {
	var partial *providers.PartialError
	return errors.As(err, &partial) && partial.Failed[""] == nil
}

// choices lists what the cloud offers. A list that fails stays nil, which is unknown.
func (l *look) choices(ctx context.Context) []func() error {
	c, out := l.sources.Cloud, &l.out.Choices
	if l.sources.Choices.Complete() {
		*out = l.sources.Choices
		return nil
	}
	at := func(id, name string) planner.Choice {
		return planner.Choice{ID: id, Name: name, Provider: c.ProviderOf(id)}
	}
	word := func(word string) planner.Choice { // what has no id: its name says where it is
		return planner.Choice{Name: c.Bare(word), Provider: c.ProviderOf(word)}
	}
	var jobs []func() error
	if c.Flavors != nil {
		jobs = append(jobs, func() (err error) {
			out.Flavors, err = convert(ctx, c.Flavors.List, func(f providers.Flavor) planner.Flavor {
				return planner.Flavor{Choice: at(f.ID, f.Name), RAMMiB: f.RAMMiB, VCPUs: f.VCPUs}
			})
			return err
		})
	}
	if c.Images != nil {
		jobs = append(jobs, func() (err error) {
			out.Images, err = convert(ctx, l.activeImages, func(i providers.Image) planner.Image {
				return planner.Image{Choice: at(i.ID, i.Name), Tags: i.Tags, SHA256: i.Properties[providers.ImageDigest], CreatedAt: instant(i.CreatedAt)}
			})
			return err
		})
	}
	if c.Networks != nil {
		jobs = append(jobs, func() (err error) {
			out.Networks, err = convert(ctx, c.Networks.List, func(n providers.Network) planner.Network {
				network := planner.Network{Choice: at(n.ID, n.Name), External: n.External}
				for _, s := range n.Subnets {
					network.Subnets = append(network.Subnets, at(s.ID, s.Name))
				}
				return network
			})
			return err
		}, func() (err error) {
			out.Zones, err = convert(ctx, c.Networks.Zones, word)
			return err
		})
	}
	if c.Volumes != nil {
		jobs = append(jobs, func() (err error) {
			out.VolumeTypes, err = convert(ctx, c.Volumes.Types, word)
			return err
		})
	}
	return jobs
}

// activeImages are those that a server can be made from.
func (l *look) activeImages(ctx context.Context) ([]providers.Image, error) {
	all, err := l.sources.Cloud.Images.List(ctx)
	return slices.DeleteFunc(all, func(i providers.Image) bool { return i.Status != providers.ImageActive }), err
}

// away notes the clouds that did not answer, of several.
func (l *look) away(errs []error) {
	for _, err := range errs {
		var partial *providers.PartialError
		if errors.As(err, &partial) {
			l.out.Choices.Away = slices.AppendSeq(l.out.Choices.Away, maps.Keys(partial.Failed))
		}
	}
	slices.Sort(l.out.Choices.Away)
	l.out.Choices.Away = slices.Compact(l.out.Choices.Away)
}

// convert reads a list and turns its elements; the result of an empty list is empty, not nil. A list of several clouds has
// what those hold that answered.
func convert[T, U any](ctx context.Context, list func(context.Context) ([]T, error), turn func(T) U) ([]U, error) {
	all, err := list(ctx)
	var partial *providers.PartialError
	if err != nil && !errors.As(err, &partial) {
		return nil, err
	}
	out := make([]U, len(all))
	for i, element := range all {
		out[i] = turn(element)
	}
	return out, err
}

// instant reads a service's time; the zero time: it did not tell, or in no form that we know.
func instant(text string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999"} { // Cinder leaves the zone out: UTC
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// marked lists everything that bears a mark, of whatever lineage.
func (l *look) marked() {
	add := func(slot state.Slot, id, name string, mark providers.Mark, created string) {
		if mark.IsZero() {
			return
		}
		l.out.Marked = append(l.out.Marked, planner.Marked{
			Object:   plan.Object{Service: string(slot), ID: id, Name: name, Member: mark.Member, Intent: mark.Intent},
			Lineage8: mark.Lineage, CreatedAt: instant(created),
		})
	}
	for _, s := range l.lists.servers.all {
		add(state.SlotServer, s.ID, s.Name, s.Mark, s.CreatedAt)
	}
	for _, v := range l.lists.volumes.all {
		add(state.SlotVolume, v.ID, v.Name, v.Mark, v.CreatedAt)
	}
	for _, p := range l.lists.ports.all {
		add(state.SlotPort, p.ID, p.Name, p.Mark, p.CreatedAt)
	}
	for _, g := range l.lists.groups.all {
		add(state.SlotSecurityGroup, g.ID, g.Name, g.Mark, g.CreatedAt)
	}
	for _, f := range l.lists.floating.all {
		add(state.SlotFloatingIP, f.ID, f.Address, f.Mark, f.CreatedAt)
	}
	for _, g := range l.lists.serverGroups.all {
		add(state.SlotServerGroup, g.ID, g.Name, g.Mark, "")
	}
	for _, a := range l.lists.accounts.all {
		add(state.SlotAccount, a.ID, a.ID, a.Mark, "")
	}
	slices.SortFunc(l.out.Marked, func(a, b planner.Marked) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
}
