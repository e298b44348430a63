package observe_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

func (w *world) machines() map[state.MemberID]observe.Machine {
	w.t.Helper()
	out := map[state.MemberID]observe.Machine{}
	for _, m := range must[[]observe.Machine](w.t)(observe.Machines(context.Background(), w.cloud.Cloud())) {
		out[m.Member.ID] = m
	}
	return out
}

// What the marks tell of a machine is what was recorded of it.
func TestMachines(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	w.build("shop")
	got := w.machines()
	if len(got) != 2 {
		t.Fatalf("%d machines, want 2", len(got))
	}
	for id, recorded := range w.prior.Members {
		if recorded.Key != "" {
			continue
		}
		m := got[id]
		if group, _ := w.prior.Object(id, state.SlotSecurityGroup); m.Group.Objects[state.SlotSecurityGroup] != group {
			t.Errorf("the security group is %+v, want %+v", m.Group, group)
		}
		if diff := cmp.Diff(recorded.Objects, m.Member.Objects); diff != "" {
			t.Errorf("objects (-want +got):\n%s", diff)
		}
		if m.Lineage8 != lineage[:8] || m.Member.Address != recorded.Address || m.NetworkID == "" || m.ImageID == "" {
			t.Errorf("%+v", m)
		}
		if diff := cmp.Diff([]int{2, 1}, m.Member.Generations()); diff != "" { // its server does not tell
			t.Errorf("generations (-want +got):\n%s", diff)
		}
	}
}

func TestMachinesTellTheirKeys(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	if err := w.cloud.Cloud().Servers.SetMetadata(context.Background(), w.object(state.SlotServer), map[string]string{
		providers.LineageKey: lineage, providers.GenerationKey: "5", providers.AddressKey: "instance.orders",
	}, nil); err != nil {
		t.Fatal(err)
	}
	m := w.machines()[w.member("orders")]
	if m.Lineage != lineage || m.Address != "instance.orders" || m.Name != "orders" {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff([]int{5, 4}, m.Member.Generations()); diff != "" {
		t.Errorf("generations (-want +got):\n%s", diff)
	}
}

// Of two objects with the mark of a slot, the one that the server uses is the machine's; a volume is found without a server.
func TestMachinesInPieces(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	id, volume := w.member("orders"), w.object(state.SlotVolume)
	c, ctx := w.cloud.Cloud(), context.Background()
	must[providers.Volume](t)(c.Volumes.Create(ctx, providers.VolumeSpec{
		Mark: providers.Mark{Lineage: lineage[:8], Member: string(id), Intent: "twin"}, Name: "orders", SizeGiB: 1,
	}))
	if got := w.machines()[id].Member.Objects[state.SlotVolume].ID; got != volume {
		t.Errorf("the volume is %s, not %s, which the server uses", got, volume)
	}
	if err := c.Servers.Delete(ctx, w.object(state.SlotServer)); err != nil {
		t.Fatal(err)
	}
	for { // the fake moves on with every look
		m := w.machines()[id]
		if _, there := m.Member.Objects[state.SlotServer]; there {
			continue
		}
		if m.Name != "orders" || m.Member.Objects[state.SlotVolume].ID == "" || m.Member.Objects[state.SlotPort].ID == "" {
			t.Errorf("without its server: %+v", m)
		}
		return
	}
}

type noPorts struct{ providers.Ports }

var errNoList = errors.New("no list today")

func (noPorts) List(context.Context) ([]providers.Port, error) { return nil, errNoList }

func TestMachinesNeedWholeLists(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	cloud := *w.cloud.Cloud()
	cloud.Ports = noPorts{cloud.Ports}
	if _, err := observe.Machines(context.Background(), &cloud); !errors.Is(err, errNoList) {
		t.Errorf("%v, want %v", err, errNoList)
	}
}

// What an apply would have recorded of a thing is what is recorded of it when it is adopted as it is.
func TestAdopted(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	for address, subject := range w.seen().Seen {
		want := w.prior.Records[address].Body
		if diff := cmp.Diff(want.Attributes(), observe.Adopted(want, subject.Body).Attributes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
}

func TestAdoptedAsItIs(t *testing.T) {
	seen := &resource.Instance{
		Name: "orders", Flavor: "db.large", AvailabilityZone: "az1", FixedIP: "10.0.0.7", Volume: &resource.Volume{Size: 20, Type: "ssd", AvailabilityZone: "az1"},
	}
	asked := &resource.Instance{Name: "orders", Flavor: "db.small", AvailabilityZone: "az2", Volume: &resource.Volume{Size: 10, Type: "hdd"}}
	got := observe.Adopted(asked, seen)
	want := &resource.Instance{Name: "orders", Flavor: "db.large", AvailabilityZone: "az1", Volume: &resource.Volume{Size: 20, Type: "ssd"}}
	if diff := cmp.Diff(want.Attributes(), got.Attributes()); diff != "" {
		t.Errorf("what was asked for and is otherwise shows, what was not asked for does not (-want +got):\n%s", diff)
	}
	extra := []resource.Grant{{Database: "a", Privileges: []string{"SELECT"}}, {Database: "b", Privileges: []string{"SELECT"}}}
	user := observe.Adopted(&resource.User{Name: "app", Additive: true, Grants: extra[:1]}, &resource.User{Name: "app", Additive: true, Grants: extra})
	if grants := user.(*resource.User).Grants; len(grants) != 1 || grants[0].Database != "a" {
		t.Errorf("additive grants: %v", grants)
	}
}
