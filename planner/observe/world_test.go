package observe_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

const (
	lineage = "aaaaaaaabbbbbbbbccccccccdd"
	engine  = 3306
)

var (
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	orders = at("instance.orders")
	// somebody marks rules made by hand, since the fake cloud makes nothing without a mark.
	somebody = providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}
)

func at(text string) resource.Address {
	address, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return address
}

// world is a cloud with one instance built in it, its record, and what its guest says.
type world struct {
	t      testing.TB
	cloud  *memory.Cloud
	prior  *state.Snapshot
	guests *told
	look   observe.Sources
}

// told answers with what it was told, by member.
type told struct {
	mu    sync.Mutex
	says  map[state.MemberID]guest.Inspection
	fails map[state.MemberID]error
	hangs map[state.MemberID]bool
	asked map[state.MemberID][]string
}

func (g *told) Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error) {
	g.mu.Lock()
	g.asked[member.ID] = append([]string{}, names...)
	says, fails, hangs := g.says[member.ID], g.fails[member.ID], g.hangs[member.ID]
	g.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return guest.Inspection{}, ctx.Err()
	}
	return says, fails
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, cloud: memory.New(memory.Options{}), prior: state.Empty(lineage), guests: &told{
		says: map[state.MemberID]guest.Inspection{}, fails: map[state.MemberID]error{},
		hangs: map[state.MemberID]bool{}, asked: map[state.MemberID][]string{},
	}}
	w.look = observe.Sources{Cloud: w.cloud.Cloud(), Guests: w.guests, Now: func() time.Time { return noon }, GuestTimeout: 50 * time.Millisecond}
	return w
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// build makes an instance in the cloud and records it as ready, with one database and one user.
func (w *world) build(name string) *resource.Instance {
	t, c, ctx := w.t, w.cloud.Cloud(), context.Background()
	t.Helper()
	id := state.MemberID(fmt.Sprintf("%012s", name)[:12])
	mark := func(slot state.Slot) providers.Mark {
		return providers.Mark{Lineage: lineage[:8], Member: strings.ReplaceAll(string(id), " ", "a"), Intent: "int" + strings.ReplaceAll(string(slot), "_", "")}
	}
	id = state.MemberID(mark("").Member)
	group := must[providers.SecurityGroup](t)(c.SecurityGroups.Create(ctx, providers.SecurityGroupSpec{
		Mark: mark(state.SlotSecurityGroup), Name: name,
		Rules: []providers.Rule{{Port: engine, CIDR: "10.20.0.0/16"}, {Port: 22, CIDR: "10.0.9.10/32"}},
	}))
	networks := must[[]providers.Network](t)(c.Networks.List(ctx))
	flavors := must[[]providers.Flavor](t)(c.Flavors.List(ctx))
	images := must[[]providers.Image](t)(c.Images.List(ctx))
	port := must[providers.Port](t)(c.Ports.Create(ctx, providers.PortSpec{
		Mark: mark(state.SlotPort), Name: name, NetworkID: networks[0].ID, SecurityGroups: []string{group.ID},
	}))
	volume := must[providers.Volume](t)(c.Volumes.Create(ctx, providers.VolumeSpec{Mark: mark(state.SlotVolume), Name: name, SizeGiB: 10, Type: "ssd"}))
	for volume.Status != "available" {
		volume = must[providers.Volume](t)(c.Volumes.Get(ctx, volume.ID))
	}
	server := must[providers.Server](t)(c.Servers.Create(ctx, providers.ServerSpec{
		Mark: mark(state.SlotServer), Name: name, FlavorID: flavors[0].ID, ImageID: images[0].ID, PortIDs: []string{port.ID}, VolumeIDs: []string{volume.ID},
		Metadata: map[string]string{"team": "shop", "foreign": "x"},
	}))
	for server.Status != "ACTIVE" {
		server = must[providers.Server](t)(c.Servers.Get(ctx, server.ID))
	}
	shared := "group" + id
	w.prior.Members[shared] = state.Member{ID: shared, Key: name, Objects: map[state.Slot]state.Object{
		state.SlotSecurityGroup: {ID: group.ID, Intent: "intsecuritygroup"},
	}}
	w.prior.Members[id] = state.Member{ID: id, Generation: 2, MayHoldData: true, Address: port.Addresses[0], SSHPort: 22, Groups: []state.MemberID{shared}, Objects: map[state.Slot]state.Object{
		state.SlotPort:   {ID: port.ID, Intent: "intport"},
		state.SlotVolume: {ID: volume.ID, Intent: "intvolume"}, state.SlotServer: {ID: server.ID, Intent: "intserver"},
	}}
	body := &resource.Instance{
		Name: name, Datastore: at("datastore.mariadb"), Manager: "mariadb", Version: "10.11", Flavor: flavors[0].Name, Network: networks[0].Name,
		Volume: &resource.Volume{Size: 10}, Settings: map[string]string{"max_connections": "500"}, Metadata: map[string]string{"team": "shop"},
		Access: resource.Access{AllowedCIDRs: []string{"10.20.0.0/16"}}, Guest: resource.Guest{SourceCIDRs: []string{"10.0.9.10/32"}},
	}
	w.record(name, id, body)
	return body
}

func (w *world) record(name string, id state.MemberID, body *resource.Instance) {
	address, role := at("instance."+name), state.RoleID("role"+id)
	w.prior.Roles[role] = state.Role{ID: role, Member: id}
	put := func(r state.Record) {
		r.Status, r.Role = state.Ready, role
		w.prior.Records[r.Address] = r
	}
	put(state.Record{Address: address, Body: body, Member: id})
	put(state.Record{Address: at("database." + name), Body: &resource.Database{Instance: address, Name: "shop", Charset: "utf8mb4"}})
	put(state.Record{Address: at("user." + name), Body: &resource.User{
		Instance: address, Name: "app", Host: "%", Password: &resource.Password{Digest: "d", Engine: "v"},
		Grants: []resource.Grant{{Database: "shop", Privileges: []string{"INSERT", "SELECT"}, Of: at("database." + name)}},
	}})
	w.guests.says[id] = guest.Inspection{
		Pong: guest.Pong{Member: string(id), Prepared: true}, Status: guest.StatusHealthy, RunningVersion: "10.11.6",
		Databases: []guest.ObservedDatabase{{Database: guest.Database{Name: "shop", Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}, SizeBytes: 7}},
		Users:     []guest.ObservedUser{{Name: "app", Host: "%", VerifierDigest: "v", Grants: []guest.Grant{{Database: "shop", Privileges: []string{"INSERT", "SELECT"}}}}},
		Settings:  map[string]guest.Setting{"max_connections": {Running: "500", Configured: "500"}},
	}
}

func (w *world) member(name string) state.MemberID {
	return w.prior.Records[at("instance."+name)].Member
}

func (w *world) object(slot state.Slot) string {
	object, _ := w.prior.Object(w.member("orders"), slot)
	return object.ID
}

func (w *world) say(change func(*guest.Inspection)) {
	says := w.guests.says[w.member("orders")]
	change(&says)
	w.guests.says[w.member("orders")] = says
}

func (w *world) seen() planner.Observation {
	w.t.Helper()
	return must[planner.Observation](w.t)(observe.Look(context.Background(), w.look, w.prior, nil))
}

// drift is what the planner makes of a look: one word for each path, so that tests say what they mean.
func (w *world) drift() []string {
	w.t.Helper()
	p, list := planner.Plan(nil, w.prior, w.seen(), planner.Options{Mode: plan.ModeRefresh})
	if err := list.Err(); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, d := range p.Drift {
		if d.Gone {
			out = append(out, d.Address.String()+" gone")
		}
		for _, slot := range d.Missing {
			out = append(out, d.Address.String()+" missing "+slot)
		}
		for _, c := range d.Changes {
			out = append(out, fmt.Sprintf("%s %s: %v -> %v", d.Address, c.Path, c.Before, c.After))
		}
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
