package executor_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/emulator/machines"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/openstack"
	"github.com/trovectl/trovectl/state"
	statemem "github.com/trovectl/trovectl/state/memory"
)

// The most API requests that things may cost. A look is the token and one list of each service, page by page. An instance
// is its own calls (port, address, volume, server, and the look whether an earlier build failed; its security group it
// shares) and its share of the shared polling, which is what the room is left for.
const (
	lookLimit     = 30
	instanceLimit = 13
)

// fleet is an OpenStack over HTTP whose servers boot nothing, with guests in this process beside it.
type fleet struct {
	t      testing.TB
	env    map[string]string
	dir    string
	guests *guests
	store  *statemem.Store
	seed   *counter
	want   *resource.Set
	secret map[resource.Address]resource.Secret
}

func newFleet(t testing.TB, n int) *fleet {
	t.Helper()
	return newLimitedFleet(t, n, "")
}

func newLimitedFleet(t testing.TB, n int, quotas string) *fleet {
	t.Helper()
	f := &fleet{t: t, guests: newGuests(t), store: statemem.New(), seed: &counter{}}
	f.dir = f.guests.dir
	server, err := emulator.Open(emulator.Options{
		Dir: filepath.Join(f.dir, "cloud"), Listen: "127.0.0.1:0", Machines: &machines.None{Offers: []string{"mariadb-10.11"}},
		BuildDelay: 200 * time.Millisecond, VolumeDelay: 50 * time.Millisecond, Quotas: quotas,
	})
	if err != nil {
		t.Fatalf("opening the embedded cloud: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Errorf("closing the embedded cloud: %v", err)
		}
	})
	if err := server.WriteCloudsYAML(filepath.Join(f.dir, "clouds.yaml")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(f.dir, "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Clouds map[string]any }
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Clouds) != 1 {
		t.Fatalf("clouds.yaml names %d clouds: %v", len(file.Clouds), err)
	}
	f.env = map[string]string{"OS_CLOUD": slices.Collect(maps.Keys(file.Clouds))[0]}
	f.want, f.secret = fleetOf(n)
	return f
}

// fleetOf is a desired set of n instances, each with a database and a user.
func fleetOf(n int) (*resource.Set, map[resource.Address]resource.Secret) {
	one, _ := wanted(shape{password: "p"})
	set := &resource.Set{Resources: map[resource.Address]*resource.Resource{}, Blocks: map[resource.Address]resource.Repetition{}}
	put := func(a resource.Address, b resource.Body) { set.Resources[a] = &resource.Resource{Address: a, Body: b} }
	for _, text := range []string{"datastore.mariadb", "config_group.oltp"} {
		put(address(text), one.Resources[address(text)].Body)
		set.Blocks[address(text)] = resource.Repetition{Mode: "single"}
	}
	engine, _ := catalog.Lookup("mariadb")
	verifier, secrets := resource.NewSecret(engine.Verifier("p", nil)), map[resource.Address]resource.Secret{}
	template := one.Resources[address("instance.orders")].Body.(*resource.Instance)
	for i := range n {
		key := resource.TextKey(fmt.Sprintf("n%05d", i))
		host := resource.Address{Kind: resource.KindInstance, Name: "fleet", Key: key}
		shop := resource.Address{Kind: resource.KindDatabase, Name: "fleet", Key: key}
		app := resource.Address{Kind: resource.KindUser, Name: "fleet", Key: key}
		body := *template
		body.Name = fmt.Sprintf("fleet-n%05d", i)
		put(host, &body)
		put(shop, &resource.Database{Instance: host, Name: "shop", Charset: "utf8mb4"})
		put(app, &resource.User{
			Instance: host, Name: "app", Host: "%", Password: &resource.Password{Digest: "digest"},
			Grants: []resource.Grant{{Database: "shop", Privileges: []string{"SELECT"}, Of: shop}},
		})
		secrets[app] = verifier
		for _, a := range []resource.Address{host, shop, app} {
			set.Blocks[a.Block()] = resource.Repetition{Mode: "for_each"}
		}
	}
	return set, secrets
}

// open is the client of one command: with a token of its own, and a counter that counts that token too.
func (f *fleet) open() (*providers.Cloud, *middleware.Stack) {
	f.t.Helper()
	stack := middleware.New(middleware.Options{})
	cloud, err := openstack.Open(f.t.Context(), openstack.Options{
		Dir: f.dir, Wrap: stack.Transport, Getenv: func(name string) string { return f.env[name] },
	})
	if err != nil {
		f.t.Fatalf("opening the cloud: %v", err)
	}
	cloud = stack.Assemble(cloud)
	cloud.Servers = bootingServers{cloud.Servers, f.guests}
	return cloud, stack
}

// bootingServers hand the user-data of a new server to the guests in this process, which the embedded cloud does not boot.
type bootingServers struct {
	providers.Servers
	guests *guests
}

func (s bootingServers) Create(ctx context.Context, spec providers.ServerSpec) (providers.Server, error) {
	server, err := s.Servers.Create(ctx, spec)
	if err == nil {
		server.Mark, server.VolumeIDs = spec.Mark, spec.VolumeIDs
		s.guests.boot(server, spec.UserData)
	}
	return server, err
}

// look is what `trovectl plan` does, with what it cost.
func (f *fleet) look(of observe.Guests) (*plan.Plan, int) {
	f.t.Helper()
	prior, err := f.store.Read(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	cloud, stack := f.open()
	p := f.compare(cloud, of, prior)
	f.t.Logf("requests of a look at %d records: %v", len(prior.Records), stack.Requests())
	return p, total(stack)
}

func (f *fleet) compare(cloud *providers.Cloud, of observe.Guests, prior *state.Snapshot) *plan.Plan {
	f.t.Helper()
	p, list := f.judge(cloud, of, prior)
	if list.HasErrors() {
		f.t.Fatalf("planning: %v", list.Err())
	}
	return p
}

func (f *fleet) judge(cloud *providers.Cloud, of observe.Guests, prior *state.Snapshot) (*plan.Plan, diag.List) {
	f.t.Helper()
	seen, err := observe.Look(f.t.Context(), observe.Sources{Cloud: cloud, Guests: of, Now: time.Now}, prior, f.want)
	if err != nil {
		f.t.Fatalf("looking: %v", err)
	}
	return planner.Plan(f.want, prior, seen, planner.Options{State: "memory:"})
}

func total(stack *middleware.Stack) int {
	sum := 0
	for _, n := range stack.Requests() {
		sum += n
	}
	return sum
}

// apply is what `trovectl apply` does, with the number of requests that it cost.
func (f *fleet) apply(parallel int) int {
	f.t.Helper()
	cloud, stack := f.open()
	ids := state.NewIDs(f.seed)
	session, err := f.store.Lock(f.t.Context(), state.LockRequest{Holder: state.Holder{ID: "fleet"}, Create: lineage})
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	e := &executor.Executor{
		Cloud: cloud, Guests: f.guests, Identities: identities{}, Facts: observe.NewFacts(cloud), Session: session, IDs: ids,
		Clock: middleware.SystemClock{}, Verifiers: f.secret, Parallel: parallel, Timeouts: executor.DefaultTimeouts,
	}
	result, err := e.Apply(f.t.Context(), f.t.Context(), f.compare(cloud, f.guests, session.Snapshot()))
	if err != nil {
		f.t.Fatalf("applying: %v", err)
	}
	if want := len(f.want.Resources); result.Added != want {
		f.t.Fatalf("%d resources were added, want %d", result.Added, want)
	}
	f.t.Logf("requests of the apply: %v", stack.Requests())
	return total(stack)
}

// nobody are guests of which none answers.
type nobody struct{}

func (nobody) Inspect(context.Context, state.Member, []string) (guest.Inspection, error) {
	return guest.Inspection{}, guest.Errorf(guest.KindUnreachable, "nobody is there")
}

// TestALookCostsPagesNotInstances builds 200 servers and looks at them, with their guests and without: 30 requests are
// enough, and an absent guest makes its instance unknown and plans nothing.
func TestALookCostsPagesNotInstances(t *testing.T) {
	const n = 200
	f := newFleet(t, n)
	cost := f.apply(64)
	t.Logf("%d instances were made with %d requests, %.1f for each", n, cost, float64(cost)/n)

	p, cost := f.look(f.guests)
	if cost > lookLimit {
		t.Errorf("a look at %d servers cost %d requests, want at most %d", n, cost, lookLimit)
	}
	if !p.Empty() || len(p.Drift) > 0 || len(p.Unknown) > 0 || len(p.Orphans) > 0 || len(p.Unmanaged) > 0 {
		t.Errorf("the plan after the apply: %v, drift %v, unknown %v, orphans %v, unmanaged %v",
			stepIDs(p), p.Drift, p.Unknown, p.Orphans, p.Unmanaged)
	}

	p, cost = f.look(nobody{})
	if cost > lookLimit {
		t.Errorf("a look at %d servers without guests cost %d requests, want at most %d", n, cost, lookLimit)
	}
	if len(p.Steps) > 0 || len(p.Drift) > 0 {
		t.Errorf("without guests there are %v, drift %v", stepIDs(p), p.Drift)
	}
	unknown := map[resource.Kind]int{}
	for _, u := range p.Unknown {
		unknown[u.Address.Kind]++
	}
	for _, kind := range []resource.Kind{resource.KindInstance, resource.KindDatabase, resource.KindUser} {
		if unknown[kind] != n {
			t.Errorf("without guests %d of kind %s are unknown, want %d", unknown[kind], kind, n)
		}
	}
}

// TestAnApplySharesItsPolling applies 20 instances: what each costs is bounded, however long the others take.
func TestAnApplySharesItsPolling(t *testing.T) {
	const n = 20
	cost := newFleet(t, n).apply(10)
	each := float64(cost) / n
	t.Logf("%d instances were made with %d requests, %.1f for each", n, cost, each)
	if each > instanceLimit {
		t.Errorf("%.1f requests for each instance, want at most %d", each, instanceLimit)
	}
}

// TestElevenUnderTheDefaultQuotas: the plan says what eleven instances lack before anything is made.
func TestElevenUnderTheDefaultQuotas(t *testing.T) {
	f := newLimitedFleet(t, 11, "default")
	cloud, _ := f.open()
	_, list := f.judge(cloud, nobody{}, state.Empty(lineage))
	if len(list) != 1 || list[0].Code != "no-headroom" {
		t.Fatalf("told is %v", list)
	}
	want := "\n  - servers: 11 more are needed, 10 of 10 are left\n  - volumes: 11 more are needed, 10 of 10 are left"
	if !strings.HasSuffix(list[0].Detail, want) {
		t.Errorf("the detail is %s", list[0].Detail)
	}
}

// TestTwentyShareAGroup: twenty instances with equal access need no more than one of the ten security groups.
func TestTwentyShareAGroup(t *testing.T) {
	f := newLimitedFleet(t, 20, "default,instances=20,volumes=20")
	f.apply(10)
	cloud, _ := f.open()
	groups, err := cloud.SecurityGroups.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 2 { // with the project's own
		t.Errorf("the groups are %v", groups)
	}
	if p, _ := f.look(f.guests); !p.Empty() {
		t.Errorf("the plan after the apply: %v", stepIDs(p))
	}
}

// BenchmarkApply makes n instances, ten at a time, in an embedded cloud over HTTP: their requests are what is of interest,
// since the time is the cloud's.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			requests := 0
			for b.Loop() {
				requests += newFleet(b, n).apply(10)
			}
			b.ReportMetric(float64(requests)/float64(b.N)/float64(n), "requests/instance")
		})
	}
}
