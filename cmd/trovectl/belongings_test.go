package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// belongings are what projects hold.
type belongings struct {
	objects map[string]bool   // "server 1234 (orders)"
	ours    map[string]remove // those that bear a mark
}

type remove struct {
	order  int // servers before what they use
	delete func(ctx context.Context) error
}

// add lists one project's.
func (b *belongings) add(ctx context.Context, cloud *providers.Cloud) error {
	servers, err := cloud.Servers.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		b.note("server", s.ID, s.Name, s.Mark, remove{0, func(ctx context.Context) error { return cloud.Servers.Delete(ctx, s.ID) }})
	}
	volumes, err := cloud.Volumes.List(ctx)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		b.note("volume", v.ID, v.Name, v.Mark, remove{1, func(ctx context.Context) error { return cloud.Volumes.Delete(ctx, v.ID) }})
	}
	ports, err := cloud.Ports.List(ctx)
	if err != nil {
		return err
	}
	for _, p := range ports {
		b.note("port", p.ID, p.Name, p.Mark, remove{1, func(ctx context.Context) error { return cloud.Ports.Delete(ctx, p.ID) }})
	}
	groups, err := cloud.SecurityGroups.List(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		b.note("security group", g.ID, g.Name, g.Mark, remove{2, func(ctx context.Context) error { return cloud.SecurityGroups.Delete(ctx, g.ID) }})
	}
	apart, err := cloud.ServerGroups.List(ctx)
	if err != nil {
		return err
	}
	for _, g := range apart {
		b.note("group of servers", g.ID, g.Name, g.Mark, remove{2, func(ctx context.Context) error { return cloud.ServerGroups.Delete(ctx, g.ID) }})
	}
	return b.addStates(ctx, cloud)
}

// stateContainer is where the scripts and examples keep states. It stays, empty.
const stateContainer = "trove-state"

func (b *belongings) addStates(ctx context.Context, cloud *providers.Cloud) error {
	if cloud.Containers == nil {
		return nil
	}
	names, err := cloud.Containers.List(ctx, stateContainer, "")
	if failed := (*providers.Error)(nil); errors.As(err, &failed) && failed.Kind == providers.KindNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		b.objects["state "+name] = true
		b.ours["state "+name] = remove{2, func(ctx context.Context) error { return cloud.Containers.Delete(ctx, stateContainer, name) }}
	}
	return nil
}

func (b *belongings) note(kind, id, name string, mark providers.Mark, r remove) {
	object := fmt.Sprintf("%s %s (%s)", kind, id, name)
	b.objects[object] = true
	if !mark.IsZero() {
		b.ours[object] = r
	}
}

// count is how many of a kind bear a mark.
func (b *belongings) count(kind string) (n int) {
	for object := range b.ours {
		if strings.HasPrefix(object, kind+" ") {
			n++
		}
	}
	return n
}

// leave removes what the script left behind in its projects, in rounds because one holds another, and then finds them as
// they were.
func (p *place) leave() error {
	deadline := time.Now().Add(patience)
	for {
		now, err := p.look()
		if err != nil {
			return err
		}
		if len(now.ours) == 0 {
			return p.before.same(now)
		}
		failed := now.removeNext()
		if time.Now().After(deadline) {
			return fmt.Errorf("%s are still there: %w", strings.Join(slices.Sorted(maps.Keys(now.ours)), ", "), failed)
		}
		time.Sleep(pollPause)
	}
}

const pollPause = 500 * time.Millisecond

// removeNext asks for the removal of all that comes first.
func (b *belongings) removeNext() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first := slices.MinFunc(slices.Collect(maps.Values(b.ours)), func(a, b remove) int { return a.order - b.order }).order
	var failed []error
	for _, r := range b.ours {
		if r.order == first {
			failed = append(failed, r.delete(ctx)) // one that is being removed already may be a conflict
		}
	}
	return errors.Join(failed...)
}

// same tells what is there that was not, and what is gone.
func (b *belongings) same(now belongings) error {
	var wrong []string
	for object := range now.objects {
		if !b.objects[object] {
			wrong = append(wrong, object+" is left")
		}
	}
	for object := range b.objects {
		if !now.objects[object] {
			wrong = append(wrong, object+" is gone")
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return errors.New("the projects are not as before: " + strings.Join(wrong, ", "))
	}
	return nil
}
