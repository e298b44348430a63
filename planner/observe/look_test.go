package observe_test

import (
	"context"
	"errors"
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
	w.prior.Members[id] = state.Member{ID: id, Generation: 2, MayHoldData: true, Address: port.Addresses[0], SSHPort: 22, Objects: map[state.Slot]state.Object{
		state.SlotSecurityGroup: {ID: group.ID, Intent: "intsecuritygroup"}, state.SlotPort: {ID: port.ID, Intent: "intport"},
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
	return w.prior.Members[w.member("orders")].Objects[slot].ID
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

func TestLook_nothingChanged(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	expect(t, w.drift())
	seen := w.seen()
	if !seen.At.Equal(noon) || seen.Cloud.ProjectID != "demo" || len(seen.Marked) != 4 || len(seen.Unmanaged) != 0 {
		t.Errorf("the look is %+v", seen)
	}
	s := seen.Seen[orders]
	want := map[string]string{
		"status": "ready", "port": "3306", "running_version": "10.11.6", "server_id": w.object(state.SlotServer), "volume_id": w.object(state.SlotVolume),
	}
	for key, value := range want {
		if s.Computed[key] != value {
			t.Errorf("%s is %q, want %q", key, s.Computed[key], value)
		}
	}
	if s.Presence != planner.Present || s.Unverified != "" || len(s.Conditions) > 0 || len(s.Missing) > 0 {
		t.Errorf("the instance is %+v", s)
	}
	if diff := cmp.Diff([]string{"max_connections"}, w.guests.asked[w.member("orders")]); diff != "" {
		t.Errorf("settings asked for (-want +got):\n%s", diff)
	}
}

func TestLook_changesInTheCloud(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		change func(*world, *providers.Cloud) error
		want   []string
	}{
		{"renamed", func(w *world, c *providers.Cloud) error {
			return c.Servers.Rename(ctx, w.object(state.SlotServer), "other")
		},
			[]string{"instance.orders name: orders -> other"}},
		{"metadata", func(w *world, c *providers.Cloud) error {
			return c.Servers.SetMetadata(ctx, w.object(state.SlotServer), map[string]string{"foreign": "y"}, []string{"team"})
		}, []string{"instance.orders metadata.team: shop -> <nil>"}},
		{"volume grown", func(w *world, c *providers.Cloud) error {
			return c.Volumes.Extend(ctx, w.object(state.SlotVolume), 20)
		}, []string{"instance.orders volume.size: 10 -> 20"}},
		{"opened to the world", func(w *world, c *providers.Cloud) error {
			_, err := c.SecurityGroups.AddRule(ctx, w.object(state.SlotSecurityGroup), somebody, providers.Rule{Port: engine, CIDR: "0.0.0.0/0"})
			return err
		}, []string{"instance.orders access.allowed_cidrs: [10.20.0.0/16] -> [0.0.0.0/0 10.20.0.0/16]"}},
		{"another port opened", func(w *world, c *providers.Cloud) error {
			_, err := c.SecurityGroups.AddRule(ctx, w.object(state.SlotSecurityGroup), somebody, providers.Rule{Port: 80, CIDR: "10.0.0.0/8"})
			return err
		}, []string{"instance.orders access.allowed_cidrs: [10.20.0.0/16] -> [10.20.0.0/16 tcp 80 from 10.0.0.0/8]"}},
		{"ssh opened", func(w *world, c *providers.Cloud) error {
			_, err := c.SecurityGroups.AddRule(ctx, w.object(state.SlotSecurityGroup), somebody, providers.Rule{Port: 22, CIDR: "0.0.0.0/0"})
			return err
		}, []string{"instance.orders guest.source_cidrs: [10.0.9.10/32] -> [0.0.0.0/0 10.0.9.10/32]"}},
		{"server deleted", func(w *world, c *providers.Cloud) error { return c.Servers.Delete(ctx, w.object(state.SlotServer)) },
			[]string{"instance.orders missing server"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			if err := c.change(w, w.cloud.Cloud()); err != nil {
				t.Fatal(err)
			}
			for range 5 { // what moves arrives
				w.seen()
			}
			expect(t, w.drift(), c.want...)
		})
	}
}

func TestLook_changesInTheGuest(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*guest.Inspection)
		want   []string
	}{
		{"database dropped", func(i *guest.Inspection) { i.Databases = nil }, []string{"database.orders gone"}},
		{"user dropped", func(i *guest.Inspection) { i.Users = nil }, []string{"user.orders gone"}},
		{"charset", func(i *guest.Inspection) { i.Databases[0].Charset = "latin1" }, []string{"database.orders charset: utf8mb4 -> latin1"}},
		{"collation is not recorded", func(i *guest.Inspection) { i.Databases[0].Collation = "utf8mb4_bin" }, nil},
		{"grant revoked and added", func(i *guest.Inspection) {
			i.Users[0].Grants = []guest.Grant{{Database: "*", Privileges: []string{"PROCESS"}}, {Database: "shop", Privileges: []string{"SELECT"}}}
		}, []string{`user.orders grant["*"]: <nil> -> [PROCESS]`, `user.orders grant["shop"]: [INSERT SELECT] -> [SELECT]`}},
		{"password", func(i *guest.Inspection) { i.Users[0].VerifierDigest = "w" }, []string{"user.orders password: <nil> -> <nil>"}},
		{"setting in force", func(i *guest.Inspection) {
			i.Settings["max_connections"] = guest.Setting{Running: "200", Configured: "500"}
		}, []string{"instance.orders config_group.values.max_connections: 500 -> 200"}},
		{"setting that waits", func(i *guest.Inspection) {
			i.Settings["max_connections"] = guest.Setting{Running: "200", Configured: "500", Pending: true}
		}, nil},
		{"setting taken out of the file", func(i *guest.Inspection) {
			i.Settings["max_connections"] = guest.Setting{Running: "500"}
		}, []string{"instance.orders config_group.values.max_connections: 500 -> <nil>"}},
		{"setting put into the file", func(i *guest.Inspection) {
			i.Settings["sort_buffer_size"] = guest.Setting{Running: "1", Configured: "1"}
		}, []string{"instance.orders config_group.values.sort_buffer_size: <nil> -> 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			w.say(c.change)
			expect(t, w.drift(), c.want...)
		})
	}
}

func TestLook_unmanagedAndFound(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	w.say(func(i *guest.Inspection) {
		i.Databases = append(i.Databases, guest.ObservedDatabase{Database: guest.Database{Name: "byhand"}}, guest.ObservedDatabase{Database: guest.Database{Name: "wanted", Charset: "latin1"}})
		i.Users = append(i.Users, guest.ObservedUser{Name: "eve", Host: "10.%"})
	})
	desired := &resource.Set{Resources: map[resource.Address]*resource.Resource{
		at("database.wanted"):   {Address: at("database.wanted"), Body: &resource.Database{Instance: orders, Name: "wanted"}},
		at("database.relabels"): {Address: at("database.relabels"), Body: &resource.Database{Instance: orders, Name: "shop"}},
	}}
	seen := must[planner.Observation](t)(observe.Look(context.Background(), w.look, w.prior, desired))
	want := []plan.Unmanaged{{Instance: orders, Kind: resource.KindDatabase, Name: "byhand"}, {Instance: orders, Kind: resource.KindUser, Name: "eve@10.%"}}
	if fmt.Sprint(seen.Unmanaged) != fmt.Sprint(want) {
		t.Errorf("unmanaged are %v, want %v", seen.Unmanaged, want)
	}
	body, ok := seen.Found[at("database.wanted")].(*resource.Database)
	if !ok || body.Charset != "latin1" || len(seen.Found) != 1 {
		t.Errorf("found is %v", seen.Found)
	}
	if len(seen.Choices.Flavors) == 0 || seen.Choices.Flavors[0].RAMMiB == 0 || len(seen.Choices.Zones) != 3 || len(seen.Choices.VolumeTypes) != 2 {
		t.Errorf("choices are %+v", seen.Choices)
	}
}

func TestLook_unknown(t *testing.T) {
	stop := func(w *world) {
		if err := w.cloud.Cloud().ServerActions.Stop(context.Background(), w.object(state.SlotServer)); err != nil {
			w.t.Fatal(err)
		}
		for range 5 {
			w.seen()
		}
		w.guests.asked = map[state.MemberID][]string{}
	}
	for _, c := range []struct {
		name      string
		change    func(*world)
		why       string // of the database and, as Unverified, of the instance
		condition string
		asked     bool
	}{
		{"silent", func(w *world) { w.guests.hangs[w.member("orders")] = true }, "the guest did not answer within 50ms", "", true},
		{"unreachable", func(w *world) { w.guests.fails[w.member("orders")] = guest.Errorf(guest.KindUnreachable, "no route") },
			"the guest could not be asked: unreachable: no route", "", true},
		{"crashed", func(w *world) {
			w.say(func(i *guest.Inspection) { i.Status, i.Databases, i.Users = guest.StatusCrashed, nil, nil })
		}, "the engine is crashed", "engine_crashed", true},
		{"stopped", stop, "its server is SHUTOFF", "server_not_active", false},
		{"not asked", func(w *world) { w.look.Guests = nil }, "its guest was not asked", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			c.change(w)
			seen := w.seen()
			s := seen.Seen[orders]
			if s.Presence != planner.Present || s.Unverified != c.why {
				t.Errorf("the instance is %s, unverified %q", s.Presence, s.Unverified)
			}
			if c.condition != "" && (len(s.Conditions) != 1 || s.Conditions[0].Code != c.condition) {
				t.Errorf("conditions are %v, want %s", s.Conditions, c.condition)
			}
			for _, address := range []string{"database.orders", "user.orders"} {
				if d := seen.Seen[at(address)]; d.Presence != planner.Unknown || d.Why != c.why || d.Skipped != (c.name == "not asked") {
					t.Errorf("%s is %+v", address, d)
				}
			}
			if _, asked := w.guests.asked[w.member("orders")]; asked != c.asked {
				t.Errorf("asked: %t, want %t", asked, c.asked)
			}
			if len(seen.Unmanaged) > 0 {
				t.Errorf("unmanaged are %v", seen.Unmanaged)
			}
		})
	}
}

func TestLook_oneListFails(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	w.cloud.Fail(memory.Fault{Call: "list volumes", Kind: providers.KindTransient, Message: "bad gateway"})
	s := w.seen().Seen[orders]
	if s.Presence != planner.Unknown || !strings.Contains(s.Why, "volumes could not be read") {
		t.Errorf("the instance is %+v", s)
	}
	w.prior.Records[orders] = func() state.Record { r := w.prior.Records[orders]; r.Status = state.Creating; return r }()
	if s := w.seen().Seen[orders]; s.Presence != planner.Present || s.Unverified != "" {
		t.Errorf("an instance that is being created is %+v", s)
	}
}

func TestLook_errors(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	w.cloud.Deny("list servers")
	if _, err := observe.Look(context.Background(), w.look, w.prior, nil); err != nil && !providers.IsKind(err, providers.KindDenied) {
		t.Errorf("a denied list: %v", err)
	}
	w.cloud.Heal()
	w.cloud.Fail(memory.Fault{Kind: providers.KindTransient, Times: -1})
	if _, err := observe.Look(context.Background(), w.look, w.prior, nil); !providers.IsKind(err, providers.KindTransient) {
		t.Errorf("a cloud that is down: %v", err)
	}
	w.cloud.Heal()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := observe.Look(ctx, w.look, w.prior, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: %v", err)
	}
}

func TestLook_goneAltogether(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	m := w.prior.Members[w.member("orders")]
	for slot := range m.Objects {
		m.Objects[slot] = state.Object{ID: "nowhere-" + string(slot)}
	}
	if s := w.seen().Seen[orders]; s.Presence != planner.Absent {
		t.Errorf("the instance is %+v", s)
	}
	expect(t, w.drift(), "instance.orders gone")
}

// TestLook_cost: a look at 200 servers in which nothing changed lists each service once and asks for nothing else.
func TestLook_cost(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		w.build(fmt.Sprintf("o%d", i))
	}
	desired := &resource.Set{Resources: map[resource.Address]*resource.Resource{}}
	for address, record := range w.prior.Records {
		desired.Resources[address] = &resource.Resource{Address: address, Body: record.Body}
	}
	calls := map[string]int{}
	var mu sync.Mutex
	w.cloud.OnCall = func(call string) {
		mu.Lock()
		defer mu.Unlock()
		calls[call]++
	}
	seen := must[planner.Observation](t)(observe.Look(context.Background(), w.look, w.prior, desired))
	p, list := planner.Plan(desired, w.prior, seen, planner.Options{})
	if !p.Empty() || len(list) > 0 {
		t.Errorf("the plan has %d steps and tells %v", len(p.Steps), list)
	}
	total := 0
	for call, n := range calls {
		if n != 1 || !strings.HasPrefix(call, "list") {
			t.Errorf("%s was called %d times", call, n)
		}
		total += n
	}
	if total > 9 {
		t.Errorf("%d calls: %v", total, calls)
	}
	if len(w.guests.asked) != 200 {
		t.Errorf("%d guests were asked", len(w.guests.asked))
	}
}

func TestFacts(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	ctx, cloud := context.Background(), w.cloud.Cloud()
	facts := observe.NewFacts(cloud)
	present := func(slot state.Slot) plan.Fact {
		return plan.Fact{Kind: plan.FactPresent, Subject: string(slot), Value: w.object(slot)}
	}
	step := plan.Step{ID: "update instance.orders", Facts: []plan.Fact{
		present(state.SlotServer), present(state.SlotVolume), present(state.SlotPort), present(state.SlotSecurityGroup),
		{Kind: plan.FactVolumeSize, Subject: "volume", Value: "10"},
	}}
	if err := facts.Verify(ctx, step); err != nil {
		t.Errorf("nothing changed: %v", err)
	}
	if err := cloud.Volumes.Extend(ctx, w.object(state.SlotVolume), 20); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.seen()
	}
	if err := facts.Verify(ctx, step); err == nil || !strings.Contains(err.Error(), "20 GiB and not 10") {
		t.Errorf("after the volume has grown: %v", err)
	}
	if err := cloud.Servers.Delete(ctx, w.object(state.SlotServer)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.seen()
	}
	if err := facts.Verify(ctx, step); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("after the server is gone: %v", err)
	}
	w.cloud.Fail(memory.Fault{Call: "get server", Kind: providers.KindTransient})
	if err := facts.Verify(ctx, step); !providers.IsKind(err, providers.KindTransient) {
		t.Errorf("a server that cannot be read: %v", err)
	}
}
