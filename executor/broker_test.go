package executor_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

// overBroker reaches a guest that the broker lets in and that has one of the message keys. Its agent takes turns with the
// logins that it has.
func (g *guests) overBroker(_ context.Context, m state.Member, generations ...int) (guest.Carrier, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	there, user := g.byID[string(m.ID)], m.Objects[state.SlotAccount].ID
	if g.broken || there == nil || !g.queues[string(m.ID)] {
		return nil, guest.Errorf(guest.KindUnreachable, "nobody consumes the queue of %s", m.ID)
	}
	logins := there.logins()
	if g.broker.Logins(user) == 0 && !slices.ContainsFunc(logins, func(l guest.BrokerConfig) bool { return l.User == user && g.broker.Login(user, l.Password) }) {
		return nil, guest.Errorf(guest.KindUnreachable, "its agent cannot log in")
	}
	for _, l := range logins {
		if slices.Contains(generations, l.Generation) && l.MessageKey == messageKey(m.ID, l.Generation) {
			return direct{there.agent}, nil
		}
	}
	return nil, guest.Errorf(guest.KindUnreachable, "its agent has none of the message keys %v", generations)
}

// logins are those that the agent has on its disk.
func (m *machine) logins() []guest.BrokerConfig {
	var now struct{ Broker, Former *guest.BrokerConfig }
	for _, file := range []string{"var/lib/trove-guestagent/identity.json", guest.AgentConfigPath} {
		text, err := os.ReadFile(filepath.Join(m.root, file))
		if err != nil {
			continue
		}
		if err := json.Unmarshal(text, &now); err != nil {
			panic(err)
		}
		break
	}
	var all []guest.BrokerConfig
	for _, l := range []*guest.BrokerConfig{now.Broker, now.Former} {
		if l != nil {
			all = append(all, *l)
		}
	}
	return all
}

func messageKey(m state.MemberID, generation int) string {
	key := ring.MessageKey(m, generation)
	return hex.EncodeToString(key[:])
}

// accounts are what guests have at the broker, as a life that may die makes them.
type accounts struct {
	*guests
	life *life
}

func rightsOf(member state.MemberID, broker resource.GuestBroker) providers.Rights {
	r := providers.Rights{
		Permission: providers.Permission{Configure: "^$", Write: "^" + string(member) + broker.Mode + "$", Read: "^" + string(member) + "$"},
		UserLimits: map[string]int{"max-connections": 2},
	}
	if broker.VHost == "" {
		r.VHostLimits = map[string]int{"max-queues": 5}
	}
	return r
}

func (accounts) Rights(member state.MemberID, broker resource.GuestBroker) providers.Rights {
	return rightsOf(member, broker)
}

func (accounts) Login(m state.Member, broker resource.GuestBroker, generation int) (*guest.BrokerConfig, error) {
	user := m.Objects[state.SlotAccount].ID
	vhost := broker.VHost
	if vhost == "" {
		vhost = user
	}
	return &guest.BrokerConfig{
		URL: broker.URL, VHost: vhost, User: user, Password: ring.BrokerPassword(m.ID, generation).Reveal(),
		Generation: generation, MessageKey: messageKey(m.ID, generation), Mode: broker.Mode,
	}, nil
}

func (a accounts) Open(_ context.Context, m state.Member, _ resource.GuestBroker) error {
	return a.change("declare", m.ID, true)
}

func (a accounts) Close(_ context.Context, m state.Member) error {
	return a.change("remove", m.ID, false)
}

func (a accounts) change(what string, id state.MemberID, there bool) error {
	if err := a.life.point("before " + what); err != nil {
		return err
	}
	a.mu.Lock()
	a.queues[string(id)] = there
	a.mu.Unlock()
	return a.life.point("after " + what)
}

var both = []string{resource.TransportAMQP, resource.TransportSSH}

// brokered is a world with one instance whose agent has these ways.
func brokered(t *testing.T, s shape) *world {
	t.Helper()
	w := newWorld(t)
	w.ask(s)
	w.apply(plan.ModeApply)
	must(t, w.settled(plan.ModeApply))
	return w
}

// theAccount is the only one at the broker.
func (w *world) theAccount() providers.Account {
	w.t.Helper()
	all := w.cloud.Objects().Accounts
	if len(all) != 1 {
		w.t.Fatalf("there are %d accounts: %+v", len(all), all)
	}
	return all[0]
}

// lets checks which generation of its password the broker knows of the orders instance.
func (w *world) lets(generation int) {
	w.t.Helper()
	id := w.object(orders, state.SlotAccount)
	for g := 1; g <= generation+1; g++ {
		in := w.cloud.Broker().Login(id, ring.BrokerPassword(w.record(orders).Member, g).Reveal())
		if in != (g == generation) {
			w.t.Errorf("with generation %d it is let in: %v; want %d alone", g, in, generation)
		}
	}
}

func TestBroker_alone(t *testing.T) {
	w := brokered(t, shape{password: "one", ways: []string{resource.TransportAMQP}})
	account := w.theAccount()
	wantText(t, account.ID, w.object(orders, state.SlotAccount))
	wantText(t, account.VHost, account.ID)
	w.lets(2)
	wantTexts(t, w.allowed(22))
	if m := w.member(orders); m.SSHPort != 0 || m.Generation != 2 {
		t.Errorf("the member is %+v", m)
	}
	if _, err := os.Stat(filepath.Join(w.guests.byID[string(w.record(orders).Member)].root, "etc/ssh/ssh_host_ed25519_key")); err == nil {
		t.Error("an SSH key went to a guest that is not reached over SSH")
	}
	if logins := w.guests.byID[string(w.record(orders).Member)].logins(); len(logins) != 2 || logins[0].Generation != 2 {
		t.Errorf("the agent has %d logins", len(logins))
	}
	w.apply(plan.ModeDestroy)
	must(t, w.settled(plan.ModeDestroy))
}

func TestBroker_shared(t *testing.T) {
	w := brokered(t, shape{noUser: true, twin: ten, ways: both, vhost: "shared"})
	for _, a := range w.cloud.Objects().Accounts {
		wantText(t, a.VHost, "shared")
	}
	id := w.record(orders).Member
	if !w.guests.queues[string(id)] {
		t.Error("its queues were not made")
	}
	w.ask(shape{alone: true, twin: ten, ways: both, vhost: "shared"})
	w.apply(plan.ModeApply)
	must(t, w.settled(plan.ModeApply))
	if w.guests.queues[string(id)] {
		t.Error("its queues were left in the shared vhost")
	}
}

// TestBroker_byHand: what somebody changes at the broker is seen, told and put right, and the guest stays within reach.
func TestBroker_byHand(t *testing.T) {
	for name, c := range map[string]struct {
		hand func(*providers.Account)
		says string
	}{
		"wider permission": {func(a *providers.Account) { a.Permission.Read = ".*" }, "the permission is"},
		"no limit":         {func(a *providers.Account) { a.UserLimits = nil }, "the user's limit max-connections is gone"},
		"no user":          {func(a *providers.Account) { a.Userless = true }, "the user is gone"},
		"nothing":          {func(a *providers.Account) { a.ID = "" }, "the user is gone"},
		"no vhost":         {func(a *providers.Account) { a.VHost = "" }, "the vhost is gone"},
		"another tag":      {func(a *providers.Account) { a.Strange = []string{"the user has the tag administrator"} }, "the user has the tag administrator"},
	} {
		t.Run(name, func(t *testing.T) {
			w := brokered(t, shape{noUser: true, ways: []string{resource.TransportAMQP}})
			w.cloud.Broker().ByHand(w.theAccount().ID, c.hand)
			seen, err := w.plan(plan.ModeRefresh)
			must(t, err)
			if len(seen.Drift) != 1 || seen.Drift[0].Changes[0].Path != plan.PathAccount || !strings.Contains(seen.Drift[0].Changes[0].After.(string), c.says) {
				t.Errorf("the drift is %+v", seen.Drift)
			}
			w.done(plan.ModeApply, onlyInstance...)
			w.lets(2)
			w.keysOverBroker(2)
		})
	}
}

// keysOverBroker checks that the guest is reached over the broker with a generation.
func (w *world) keysOverBroker(generation int) {
	w.t.Helper()
	if _, err := w.guests.overBroker(w.t.Context(), w.member(orders), generation); err != nil {
		w.t.Errorf("with generation %d: %v", generation, err)
	}
}

func TestBroker_rotate(t *testing.T) {
	w := brokered(t, shape{noUser: true, ways: []string{resource.TransportAMQP}})
	w.rotate = []resource.Address{address(orders)}
	w.apply(plan.ModeRotate)
	w.lets(3)
	w.keysOverBroker(3)
	w.gone(state.SlotServer) // what is made again gets no credentials that another had
	w.apply(plan.ModeApply)
	must(t, w.settled(plan.ModeApply))
	w.lets(5)
	w.keysOverBroker(5)
}

// TestBroker_rotateEveryDeath: wherever it dies, the guest stays within reach over its broker alone.
func TestBroker_rotateEveryDeath(t *testing.T) {
	for point := 1; ; point++ {
		w := brokered(t, shape{noUser: true, ways: []string{resource.TransportAMQP}})
		w.rotate = []resource.Address{address(orders)}
		if _, _, err := w.run(point, plan.ModeRotate); err == nil {
			if point < 8 {
				t.Errorf("there were %d points to die at", point-1)
			}
			break
		}
		w.cloud.Broker().ByHand(w.theAccount().ID, func(*providers.Account) {})
		must(t, w.cloud.Broker().Disconnect(t.Context(), w.theAccount().ID)) // as a broker that was restarted
		w.apply(plan.ModeApply)
		if err := w.settled(plan.ModeApply); err != nil {
			t.Fatalf("died at %d: %v", point, err)
		}
		generation := w.member(orders).Generation
		w.lets(generation)
		w.keysOverBroker(generation)
		w.guests.end()
	}
}

// TestBroker_unreachable: a broker whose management does not answer makes nothing absent.
func TestBroker_unreachable(t *testing.T) {
	w := brokered(t, shape{noUser: true, ways: both})
	w.cloud.Fail(cloudmem.Fault{Call: "list accounts", Times: -1, Kind: providers.KindTransient})
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if !p.Empty() || len(p.Conditions) != 1 || p.Conditions[0].Code != "account_unknown" {
		t.Errorf("the plan has %d steps and tells %+v", len(p.Steps), p.Conditions)
	}
}

// TestBroker_detour: the broker is down, and the apply goes on over SSH and says so.
func TestBroker_detour(t *testing.T) {
	w := brokered(t, shape{noUser: true, ways: both})
	w.guests.broken = true
	w.ask(shape{password: "one", ways: both})
	w.apply(plan.ModeApply)
	told := ""
	for _, e := range w.events {
		if done, ok := e.(executor.Done); ok {
			told += strings.Join(done.Notes, "; ")
		}
	}
	if !strings.Contains(told, "reached over ssh, because the way over amqp was closed: nobody consumes the queue") {
		t.Errorf("told: %q", told)
	}
	w.guests.broken = false
	must(t, w.settled(plan.ModeApply))
}

func TestBroker_orphan(t *testing.T) {
	w := brokered(t, shape{noUser: true, ways: both})
	mark := providers.Mark{Lineage: lineage[:8], Member: "aaaaaaaaaaaa", Intent: "bbbbbbbbbbbbbbbb"}
	left, err := w.cloud.Broker().Put(t.Context(), providers.AccountSpec{Mark: mark, Name: "left-over"})
	must(t, err)
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if len(p.Orphans) != 1 || p.Orphans[0].ID != left.ID || !p.Empty() {
		t.Errorf("orphans: %+v", p.Orphans)
	}
	w.orphans = true
	w.apply(plan.ModeApply)
	must(t, w.settled(plan.ModeApply))
}

// brokerStories are changes of the ways to an agent that die everywhere.
var brokerStories = []story{
	{"an instance comes to a broker", func(*world) {}, shape{noUser: true, ways: []string{resource.TransportAMQP}}, plan.ModeApply, 40},
	{"an instance leaves a shared vhost", func(w *world) {
		w.ask(shape{noUser: true, ways: both, vhost: "shared"})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, ways: both, vhost: "shared"}, plan.ModeDestroy, 24},
	{"SSH comes in place of a broker", func(w *world) {
		w.ask(shape{noUser: true, ways: []string{resource.TransportAMQP}})
		w.apply(plan.ModeApply)
	}, shape{noUser: true}, plan.ModeApply, 12},
}

// brokerCells are changes of how the agent is reached.
func brokerCells() map[string]scenario {
	change := func(edit func(*resource.Guest), check func(t *testing.T, w *world)) scenario {
		return cell(func(t *testing.T) {
			s := shape{noUser: true, ways: both}
			w := brokered(t, s)
			w.ask(s)
			edit(&w.wantedOrders().Guest)
			w.done(plan.ModeApply, onlyInstance...)
			check(t, w)
		})
	}
	newest := func(t *testing.T, w *world) guest.BrokerConfig {
		t.Helper()
		w.lets(3)
		w.keysOverBroker(3)
		return w.guests.byID[string(w.record(orders).Member)].logins()[0]
	}
	return map[string]scenario{
		"update-guest.transports": cell(updateTransports),
		"update-guest.broker.url": change(func(g *resource.Guest) { g.Broker.URL = "amqps://other.test:5671" }, func(t *testing.T, w *world) {
			wantText(t, newest(t, w).URL, "amqps://other.test:5671")
		}),
		"update-guest.broker.mode": change(func(g *resource.Guest) { g.Broker.Mode = "trove" }, func(t *testing.T, w *world) {
			wantText(t, newest(t, w).Mode, "trove")
			if !strings.Contains(w.theAccount().Permission.Write, "trove") {
				t.Error("its account has the rights of another mode")
			}
		}),
		"update-guest.broker.client_certificates": change(func(g *resource.Guest) { g.Broker.Certificates = true }, func(t *testing.T, w *world) { newest(t, w) }),
	}
}

// wantedOrders is the wanted orders instance.
func (w *world) wantedOrders() *resource.Instance {
	return w.want.Resources[address(orders)].Body.(*resource.Instance)
}

// updateTransports goes from each set of ways to each other one.
func updateTransports(t *testing.T) {
	turned := slices.Clone(both)
	slices.Reverse(turned)
	sets := [][]string{nil, {resource.TransportAMQP}, both, turned}
	for _, from := range sets {
		for _, to := range sets {
			if slices.Equal(from, to) {
				continue
			}
			w := brokered(t, shape{noUser: true, ways: from})
			w.ask(shape{noUser: true, ways: to})
			w.done(plan.ModeApply, onlyInstance...)
			wantTexts(t, w.member(orders).Transports, to...)
			ssh, broker := to == nil || slices.Contains(to, resource.TransportSSH), slices.Contains(to, resource.TransportAMQP)
			if (len(w.allowed(22)) > 0) != ssh || (w.member(orders).SSHPort != 0) != ssh {
				t.Errorf("from %v to %v: the SSH port is open to %v", from, to, w.allowed(22))
			}
			if (len(w.cloud.Objects().Accounts) > 0) != broker {
				t.Errorf("from %v to %v: the accounts are %+v", from, to, w.cloud.Objects().Accounts)
			}
			if broker {
				w.keysOverBroker(3)
			}
			w.guests.end()
		}
	}
}
