package observe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

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
		{"taken out of its group", func(w *world, c *providers.Cloud) error {
			return c.Ports.SetSecurityGroups(ctx, w.object(state.SlotPort), nil)
		}, []string{"instance.orders access.allowed_cidrs: [10.20.0.0/16] -> <nil>", "instance.orders guest.source_cidrs: [10.0.9.10/32] -> <nil>"}},
		{"put into another group too", func(w *world, c *providers.Cloud) error {
			other, err := c.SecurityGroups.Create(ctx, providers.SecurityGroupSpec{
				Mark: somebody, Name: "theirs", Rules: []providers.Rule{{Port: engine, CIDR: "0.0.0.0/0"}},
			})
			if err != nil {
				return err
			}
			return c.Ports.SetSecurityGroups(ctx, w.object(state.SlotPort), []string{w.object(state.SlotSecurityGroup), other.ID})
		}, []string{"instance.orders access.allowed_cidrs: [10.20.0.0/16] -> [0.0.0.0/0 10.20.0.0/16]"}},
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

// TestLook_wantedAndNotRecorded: what is wanted from now on shows what is there, as what it is changed from, and is no drift.
func TestLook_wantedAndNotRecorded(t *testing.T) {
	w := newWorld(t)
	body := *w.build("orders")
	body.Settings = map[string]string{"max_connections": "500", "wait_timeout": "600", "sort_buffer_size": "2"}
	body.Metadata = map[string]string{"team": "shop", "foreign": "ours"}
	w.say(func(i *guest.Inspection) {
		i.Settings["max_connections"] = guest.Setting{Running: "200", Configured: "500"}
		i.Settings["sort_buffer_size"] = guest.Setting{Running: "1", Configured: "1"} // by hand, in our file
		i.Settings["wait_timeout"] = guest.Setting{Running: "28800"}
	})
	desired := &resource.Set{Resources: map[resource.Address]*resource.Resource{orders: {Address: orders, Body: &body}}}
	seen := must[planner.Observation](t)(observe.Look(context.Background(), w.look, w.prior, desired))
	p, _ := planner.Plan(desired, w.prior, seen, planner.Options{Mode: plan.ModeApply})
	var drift, changed []string
	for _, d := range p.Drift {
		for _, c := range d.Changes {
			drift = append(drift, fmt.Sprintf("%s: %v -> %v", c.Path, c.Before, c.After))
		}
	}
	for _, s := range p.Steps {
		for _, c := range s.Changes {
			changed = append(changed, fmt.Sprintf("%s: %v -> %v", c.Path, c.Before, c.After))
		}
	}
	expect(t, drift, "config_group.values.max_connections: 500 -> 200", "config_group.values.sort_buffer_size: <nil> -> 1")
	expect(t, changed, "config_group.values.max_connections: 200 -> 500", "config_group.values.sort_buffer_size: 1 -> 2",
		"config_group.values.wait_timeout: 28800 -> 600", "metadata.foreign: x -> ours")
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
		{"stopped", stop, "its server is SHUTOFF", "", false},
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
	w.cloud.Deny("list servers") // by a policy: the rest can be looked at
	if s := w.seen().Seen[orders]; s.Presence != planner.Unknown {
		t.Errorf("with a denied list the instance is %+v", s)
	}
	w.cloud.Heal()
	refused := *w.cloud.Cloud()
	refused.Servers = expired{refused.Servers}
	sources := w.look
	sources.Cloud = &refused
	if _, err := observe.Look(context.Background(), sources, w.prior, nil); !providers.IsKind(err, providers.KindDenied) {
		t.Errorf("refused credentials: %v", err)
	}
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
	for _, m := range w.prior.Members {
		for slot := range m.Objects {
			m.Objects[slot] = state.Object{ID: "nowhere-" + string(slot)}
		}
	}
	if s := w.seen().Seen[orders]; s.Presence != planner.Absent {
		t.Errorf("the instance is %+v", s)
	}
	expect(t, w.drift(), "instance.orders gone")
}

// emptyVolumes is a service whose list is behind by everything.
type emptyVolumes struct{ providers.Volumes }

func (emptyVolumes) List(context.Context) ([]providers.Volume, error) { return nil, nil }

// refusedVolumes also refuses to tell of one by its id.
type refusedVolumes struct{ emptyVolumes }

func (refusedVolumes) Get(context.Context, string) (providers.Volume, error) {
	return providers.Volume{}, &providers.Error{Kind: providers.KindTransient, Call: "get volume"}
}

// TestLook_listsThatAreBehind: what is recorded and not listed is there when the service knows its id, and unknown when
// it does not say.
func TestLook_listsThatAreBehind(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	whole := *w.look.Cloud
	cloud := whole
	w.look.Cloud = &cloud
	cloud.Volumes = emptyVolumes{whole.Volumes}
	expect(t, w.drift())
	cloud.Volumes = refusedVolumes{emptyVolumes{whole.Volumes}}
	if s := w.seen().Seen[orders]; s.Presence != planner.Unknown {
		t.Errorf("the instance is %+v", s)
	}
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
	if total > 12 { // with one for the accounts at the broker
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

// expired is a service that does not accept the token.
type expired struct{ providers.Servers }

func (expired) List(context.Context) ([]providers.Server, error) {
	return nil, &providers.Error{Kind: providers.KindDenied, Call: "list servers", Status: 401}
}

// TestLook_choicesOnce: what the cloud offers is asked for once in a run, and again only while some of it is unknown.
func TestLook_choicesOnce(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	set := &resource.Set{Resources: map[resource.Address]*resource.Resource{orders: {Address: orders, Body: w.prior.Records[orders].Body}}}
	flavors := func() int { return w.cloud.Calls()["list flavors"] }
	first := must[planner.Observation](t)(observe.Look(t.Context(), w.look, w.prior, set))
	before := flavors()
	w.look.Choices = first.Choices
	second := must[planner.Observation](t)(observe.Look(t.Context(), w.look, w.prior, set))
	if n := flavors() - before; n != 0 {
		t.Errorf("flavors were listed %d times again", n)
	}
	if diff := cmp.Diff(first.Choices, second.Choices); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
	w.look.Choices.Flavors = nil
	must[planner.Observation](t)(observe.Look(t.Context(), w.look, w.prior, set))
	if n := flavors() - before; n != 1 {
		t.Errorf("unknown flavors were listed %d times", n)
	}
}
