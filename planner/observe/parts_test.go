package observe_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// TestLook_parts: how the parts of an instance stand together after somebody's work.
func TestLook_parts(t *testing.T) {
	ctx := context.Background()
	act := func(actions ...providers.ServerAction) func(*world, *providers.Cloud) {
		return func(w *world, c *providers.Cloud) {
			for _, a := range actions {
				w.no(c.ServerActions.Act(ctx, w.object(state.SlotServer), a))
				w.still()
			}
		}
	}
	detach := func(w *world, c *providers.Cloud) {
		w.no(c.Attachments.Detach(ctx, w.object(state.SlotServer), w.object(state.SlotVolume)))
		w.still()
	}
	for _, c := range []struct {
		name       string
		change     func(*world, *providers.Cloud)
		want       planner.Parts
		conditions []string // the codes
	}{
		{"paused", act(providers.Pause), planner.Parts{Status: "PAUSED"}, nil},
		{"suspended", act(providers.Suspend), planner.Parts{Status: "SUSPENDED"}, nil},
		{"shelved", act(providers.Shelve), planner.Parts{Status: "SHELVED_OFFLOADED"}, nil},
		{"locked", act(providers.Lock), planner.Parts{Locked: true}, nil},
		{"paused and locked", act(providers.Pause, providers.Lock), planner.Parts{Status: "PAUSED", Locked: true}, nil},
		{"being stopped", func(w *world, c *providers.Cloud) { w.no(c.ServerActions.Stop(ctx, w.object(state.SlotServer))) }, planner.Parts{}, nil},
		{"being started", func(w *world, c *providers.Cloud) {
			w.no(c.ServerActions.Stop(ctx, w.object(state.SlotServer)))
			w.still()
			w.no(c.ServerActions.Start(ctx, w.object(state.SlotServer)))
		}, planner.Parts{}, []string{"server_not_active"}},
		{"detached", detach, planner.Parts{Detached: true}, nil},
		{"attached elsewhere", func(w *world, c *providers.Cloud) {
			detach(w, c)
			w.no(c.Attachments.Attach(ctx, w.another("rescue"), w.object(state.SlotVolume)))
			w.still()
		}, planner.Parts{Detached: true, HeldBy: "server NAME (\"rescue\")"}, nil},
		{"attached elsewhere, its server gone", func(w *world, c *providers.Cloud) {
			detach(w, c)
			w.no(c.Attachments.Attach(ctx, w.another("rescue"), w.object(state.SlotVolume)))
			w.no(c.Servers.Delete(ctx, w.object(state.SlotServer)))
			w.still()
		}, planner.Parts{HeldBy: "server NAME (\"rescue\")"}, nil},
		{"its server gone", func(w *world, c *providers.Cloud) {
			w.no(c.Servers.Delete(ctx, w.object(state.SlotServer)))
			w.still()
		}, planner.Parts{}, nil},
		{"another address", func(w *world, _ *providers.Cloud) {
			m := w.prior.Members[w.member("orders")]
			m.Address = "10.9.9.9"
			w.prior.Members[m.ID] = m
		}, planner.Parts{Address: "ADDRESS"}, nil},
		{"rebuilt from another image", func(w *world, _ *providers.Cloud) {
			r := w.prior.Records[orders]
			r.Computed = map[string]string{"image_id": "another"}
			w.prior.Records[orders] = r
		}, planner.Parts{}, []string{"server_rebuilt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			c.change(w, w.cloud.Cloud())
			s := w.seen().Seen[orders]
			if strings.HasPrefix(s.Parts.HeldBy, "server ") {
				_, name, _ := strings.Cut(s.Parts.HeldBy, " (")
				s.Parts.HeldBy = "server NAME (" + name
			}
			if s.Parts.Address != "" {
				s.Parts.Address = "ADDRESS"
			}
			if diff := cmp.Diff(c.want, s.Parts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var codes []string
			for _, one := range s.Conditions {
				codes = append(codes, one.Code)
			}
			if diff := cmp.Diff(c.conditions, codes); diff != "" {
				t.Errorf("conditions are %v (-want +got):\n%s", s.Conditions, diff)
			}
		})
	}
}

// strange are services that show what a fake cloud never does: marks that are gone, a volume that is read-only, a port that
// nothing filters.
type strange struct{ providers.Servers }

func (s strange) List(ctx context.Context) ([]providers.Server, error) {
	all, err := s.Servers.List(ctx)
	for i := range all {
		all[i].Mark = providers.Mark{}
	}
	return all, err
}

type readOnly struct{ providers.Volumes }

func (v readOnly) List(ctx context.Context) ([]providers.Volume, error) {
	all, err := v.Volumes.List(ctx)
	for i := range all {
		all[i].Metadata = map[string]string{"readonly": "True"}
	}
	return all, err
}

type unfiltered struct{ providers.Ports }

func (p unfiltered) List(ctx context.Context) ([]providers.Port, error) {
	all, err := p.Ports.List(ctx)
	for i := range all {
		all[i].Unfiltered, all[i].SecurityGroups = true, nil
	}
	return all, err
}

func TestLook_strange(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	cloud := *w.look.Cloud
	cloud.Servers, cloud.Volumes = strange{cloud.Servers}, readOnly{cloud.Volumes}
	w.look.Cloud = &cloud
	var texts []string
	for _, c := range w.seen().Seen[orders].Conditions {
		texts = append(texts, c.Code+" "+c.Text)
	}
	expect(t, texts,
		fmt.Sprintf("mark_removed the server has lost its mark: `openstack server set --property 'trovectl=trovectl/1 %s %s intserver' %s` puts it back",
			lineage[:8], w.member("orders"), w.object(state.SlotServer)),
		fmt.Sprintf("volume_read_only the volume is read-only: `openstack volume set --read-write %s` when it is detached", w.object(state.SlotVolume)))
	cloud.Ports = unfiltered{cloud.Ports}
	expect(t, w.drift(), "instance.orders access.allowed_cidrs: [10.20.0.0/16] -> [everything (port security is off)]",
		"instance.orders guest.source_cidrs: [10.0.9.10/32] -> <nil>")
}

// no fails the test on an error.
func (w *world) no(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// still lets arrive what moves.
func (w *world) still() {
	w.t.Helper()
	for range 5 {
		w.seen()
	}
}

// another is a server that somebody else made, with this name.
func (w *world) another(name string) string {
	w.t.Helper()
	c, ctx := w.cloud.Cloud(), context.Background()
	one := must[providers.Server](w.t)(c.Servers.Get(ctx, w.object(state.SlotServer)))
	flavors := must[[]providers.Flavor](w.t)(c.Flavors.List(ctx))
	made := must[providers.Server](w.t)(c.Servers.Create(ctx, providers.ServerSpec{Mark: somebody, Name: name, FlavorID: flavors[0].ID, ImageID: one.ImageID}))
	w.still()
	return made.ID
}
