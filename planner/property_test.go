package planner_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// TestPlan_properties: applying a plan gives the wanted world, the plan after it is empty, what nobody declared is left
// alone, removals go in the opposite order, and the same input gives the same bytes. It holds from nothing, after changes,
// and after somebody else's changes.
func TestPlan_properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := empty()
		w.declare(t)
		w.converge(t)
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			w.meddle(t)
			w.declare(t)
			strangers := w.strangers()
			w.converge(t)
			if diff := cmp.Diff(strangers, w.strangers()); diff != "" {
				t.Fatalf("what nobody declared was touched (-before +after):\n%s", diff)
			}
		}
		w.opts.Mode = plan.ModeDestroy
		w.apply(t)
		if len(w.has.Records) != 0 || len(w.real.machines) != 0 {
			t.Fatalf("destroy left %d records and %d machines", len(w.has.Records), len(w.real.machines))
		}
	})
}

func (w *world) converge(t *rapid.T) {
	before := w.has.Records
	p, list := w.plan()
	if err := list.Err(); err != nil {
		t.Fatalf("planning: %v", err)
	}
	if got, want := w.shuffledPlan(t), encode(t, p); !bytes.Equal(got, want) {
		t.Fatalf("the same input in another order gives another plan:\n%s", cmp.Diff(string(want), string(got)))
	}
	removalsInOrder(t, p, before)
	w.do(t, p)
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return len(s.Rebuild) > 0 }) {
		w.apply(t) // what was made again as it was is changed by the next plan
	}
	if again, _ := w.plan(); !again.Empty() || len(again.Drift) > 0 || len(again.Orphans) > 0 {
		t.Fatalf("after\n%sthe next plan is not empty:\n%s", compact(p), compact(again))
	}
	w.asWanted(t)
}

func encode(t failer, p *plan.Plan) []byte {
	data, err := plan.Encode(p)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return data
}

// shuffledPlan plans once more from maps that were filled in another order and lists that come in another order.
func (w *world) shuffledPlan(t failer) []byte {
	other := *w
	want, has := *w.want, *w.has
	want.Resources, has.Records = backwards(want.Resources), backwards(has.Records)
	other.want, other.has = &want, &has
	p, _ := other.plan()
	return encode(t, p)
}

func backwards[V any](m map[resource.Address]V) map[resource.Address]V {
	out := map[resource.Address]V{}
	for _, key := range slices.Backward(slices.SortedFunc(maps.Keys(m), resource.Address.Compare)) {
		out[key] = m[key]
	}
	return out
}

// removalsInOrder: what rests on something is removed before it.
func removalsInOrder(t failer, p *plan.Plan, before map[resource.Address]state.Record) {
	t.Helper()
	place := map[resource.Address]int{}
	for i, s := range p.Steps {
		if s.Action == plan.Delete {
			place[s.Address] = i
		}
	}
	for address, i := range place {
		for _, on := range before[address].Body.References() {
			if j, removed := place[on]; removed && j < i {
				t.Fatalf("%s is removed before %s, which rests on it:\n%s", on, address, compact(p))
			}
		}
	}
}

// declare draws a configuration. Names are fixed by labels, so that no change needs another machine.
func (w *world) declare(t *rapid.T) {
	old := w.want
	fresh := empty()
	w.want = fresh.want
	shop := shop()
	maps.Copy(w.want.Resources, map[resource.Address]*resource.Resource{at("datastore.mariadb"): shop.want.Resources[at("datastore.mariadb")]})
	w.want.Blocks[at("datastore.mariadb")] = resource.Repetition{Mode: "single"}
	for i := range 2 {
		if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
			continue
		}
		host := fmt.Sprintf("instance.i%d", i)
		body := instance(fmt.Sprint(i) + rapid.SampledFrom([]string{"one", "two"}).Draw(t, "name"))
		body.Volume.Size = rapid.IntRange(5, 9).Draw(t, "size")
		if before, there := old.Resources[at(host)]; there {
			body.Volume.Size = max(body.Volume.Size, before.Body.(*resource.Instance).Volume.Size)
		}
		body.Access.AllowedCIDRs = drawSet(t, "cidrs", "10.0.0.0/8", "10.20.0.0/16")
		body.Restart = rapid.SampledFrom([]string{"", "if_required"}).Draw(t, "restart")
		for _, name := range drawSet(t, "settings", dynamic(), static()) {
			if body.Settings == nil {
				body.Settings = map[string]string{}
			}
			body.Settings[name] = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")
		}
		w.put(host, body)
		w.declareWithin(t, i)
	}
}

func drawSet(t *rapid.T, label string, from ...string) []string {
	var out []string
	for _, one := range from {
		if rapid.Bool().Draw(t, label) {
			out = append(out, one)
		}
	}
	return out
}

func (w *world) declareWithin(t *rapid.T, i int) {
	host := at(fmt.Sprintf("instance.i%d", i))
	databases := drawSet(t, "databases", "a", "b", "c")
	for _, d := range databases {
		w.put(fmt.Sprintf("database.d%d[%q]", i, d), &resource.Database{
			Instance: host, Name: d, Charset: rapid.SampledFrom([]string{"", "utf8mb4", "latin1"}).Draw(t, "charset"),
		})
	}
	for _, u := range drawSet(t, "users", "u", "v") {
		body := &resource.User{Instance: host, Name: u, Host: "%", Additive: rapid.Bool().Draw(t, "additive")}
		body.Password = &resource.Password{Digest: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "password")}
		for _, d := range databases {
			if privileges := drawSet(t, "privileges", "INSERT", "SELECT"); len(privileges) > 0 {
				body.Grants = append(body.Grants, resource.Grant{Database: d, Privileges: privileges, Of: at(fmt.Sprintf("database.d%d[%q]", i, d))})
			}
		}
		w.put(fmt.Sprintf("user.u%d[%q]", i, u), body)
	}
}

// meddle is somebody else at work.
func (w *world) meddle(t *rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(w.real.machines)) {
		m := w.real.machines[id]
		switch rapid.IntRange(0, 7).Draw(t, "meddling") {
		case 0:
			delete(m.database, "a")
		case 1:
			m.database["stranger"] = resource.Database{Name: "stranger", Charset: "koi8r"}
			m.account["stranger@%"] = resource.User{Name: "stranger", Host: "%", Password: &resource.Password{Engine: "own"}}
		case 2:
			if u, there := m.account["u@%"]; there {
				u.Grants, u.Password = []resource.Grant{grant("a", "DROP"), grant("z", "SELECT")}, &resource.Password{Engine: "somebody's"}
				m.account["u@%"] = u
			}
		case 3:
			if _, there := m.settings[dynamic()]; there {
				m.settings[dynamic()] = "9"
			}
		case 4:
			m.body.Access.AllowedCIDRs = []string{"0.0.0.0/0"}
		case 5:
			delete(m.objects, state.SlotServer)
		case 6:
			m.body.Name = "renamed by hand"
		}
	}
}

// strangers is what nobody declared in the instances that stay.
func (w *world) strangers() map[string]string {
	out := map[string]string{}
	for address, record := range w.has.Records {
		if m := w.real.machines[record.Member]; m != nil && w.want.Resources[address] != nil {
			if d, there := m.database["stranger"]; there {
				out[address.String()+" database"] = d.Charset
			}
			if u, there := m.account["stranger@%"]; there {
				out[address.String()+" user"] = u.Password.Engine
			}
		}
	}
	return out
}

// asWanted compares reality with the configuration, by other means than the planner's.
func (w *world) asWanted(t failer) {
	t.Helper()
	if len(w.has.Records) != len(w.want.Resources) {
		t.Fatalf("%d resources are recorded and %d are declared", len(w.has.Records), len(w.want.Resources))
	}
	for address, r := range w.want.Resources {
		switch b := r.Body.(type) {
		case *resource.Instance:
			m := w.machine(address.String())
			if m.body.Volume.Size != b.Volume.Size || m.body.Name != b.Name || !slices.Equal(m.body.Access.AllowedCIDRs, b.Access.AllowedCIDRs) {
				t.Fatalf("%s is %+v and not %+v", address, m.body, *b)
			}
			for name, value := range b.Settings {
				if m.settings[name] != value && (m.waiting[name] != value || b.Restart == "if_required") {
					t.Fatalf("%s: %s is %q (waiting: %q) and not %q", address, name, m.settings[name], m.waiting[name], value)
				}
			}
		case *resource.Database:
			d, there := w.machine(b.Instance.String()).database[b.Name]
			if !there || b.Charset != "" && d.Charset != b.Charset {
				t.Fatalf("%s is %+v (there: %t)", address, d, there)
			}
		case *resource.User:
			u, there := w.machine(b.Instance.String()).account[name(b)]
			if !there || u.Password.Engine != "verifier of "+b.Password.Digest {
				t.Fatalf("%s is there: %t, or has another password", address, there)
			}
			if !b.Additive && fmt.Sprint(u.Attributes()) != fmt.Sprint((&resource.User{Instance: u.Instance, Name: b.Name, Host: b.Host, Grants: b.Grants, Password: u.Password}).Attributes()) {
				t.Fatalf("%s has the grants %v and not %v", address, u.Grants, b.Grants)
			}
		}
	}
}

// TestPlan_linear: ten times the fleet costs at most twelve times the allocations.
func TestPlan_linear(t *testing.T) {
	cost := func(n int) float64 {
		w := fleet(t, n)
		seen := w.real.look(w)
		return testing.AllocsPerRun(1, func() { w.planFrom(seen) })
	}
	small, large := cost(300), cost(3000)
	t.Logf("900 resources: %.0f allocations; 9,000: %.0f", small, large)
	if ratio := large / small; ratio > 12 {
		t.Errorf("ten times the fleet costs %.1f times the allocations", ratio)
	}
}

// BenchmarkPlan plans a fleet in which nothing has to be done, one thing has to be done, and everything has to be made. An
// instance has a database and a user. The time for each instance stays as it is; one change costs no more than none.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		w := fleet(b, n)
		measure(b, "unchanged", n, w, 0)
		last := w.want.Resources[at(fmt.Sprintf("database.d[%d]", n-1))]
		had := last.Body
		last.Body = &resource.Database{Instance: had.(*resource.Database).Instance, Name: "d", Charset: "utf8mb4"}
		measure(b, "one-change", n, w, 1)
		last.Body = had
		w.has, w.real = state.Empty(lineage), newReality()
		measure(b, "create", n, w, 3*n+1)
	}
}

func measure(b *testing.B, name string, n int, w *world, steps int) {
	seen := w.real.look(w)
	b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p := w.planFrom(seen); len(p.Steps) != steps {
				b.Fatalf("%d steps, want %d", len(p.Steps), steps)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/instance")
	})
}

func fleet(t failer, n int) *world {
	w := empty()
	w.put("datastore.mariadb", shop().want.Resources[at("datastore.mariadb")].Body)
	for i := range n {
		host := resource.Address{Kind: resource.KindInstance, Name: "i", Key: resource.IndexKey(i)}
		w.put(host.String(), instance(fmt.Sprintf("i-%d", i)))
		database := resource.Address{Kind: resource.KindDatabase, Name: "d", Key: resource.IndexKey(i)}
		w.put(database.String(), &resource.Database{Instance: host, Name: "d"})
		u := user("u", resource.Grant{Database: "d", Privileges: []string{"SELECT"}, Of: database})
		u.Instance = host
		w.put(fmt.Sprintf("user.u[%d]", i), u)
	}
	w.apply(t)
	return w
}
