package executor_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
	statemem "github.com/trovectl/trovectl/state/memory"
)

// errDead is what a dead trovectl gets from everything that it touches.
var errDead = errors.New("dead")

// world is a cloud, a state and the guests, which outlive every trovectl that works on them.
type world struct {
	t      *testing.T
	cloud  *cloudmem.Cloud
	store  *statemem.Store
	guests *guests
	seed   *counter
	now    time.Time
	want   *resource.Set
	secret map[resource.Address]resource.Secret

	orphans  bool                              // plan steps for orphans
	replace  []resource.Address                // by the next run
	rotate   []resource.Address                // with ModeRotate
	parallel int                               // steps at a time; 0: one
	soft     context.Context                   // when it ends no further step begins; nil: never
	hard     context.Context                   // when it ends, steps end as well; nil: never
	carrier  func(guest.Carrier) guest.Carrier // in the way to every guest; nil: nothing
	onCall   func(call string)                 // before every call to the cloud
	waits    func(context.Context) error       // before every wait for a server; nil: nothing
	facts    executor.Facts                    // nil: those of the cloud
	mu       sync.Mutex
	events   []executor.Event // of the last run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: statemem.New(), seed: &counter{}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.cloud = cloudmem.New(cloudmem.Options{})
	w.guests = newGuests(t)
	w.guests.broker = w.cloud.Broker()
	w.cloud.OnServerActive = w.guests.boot
	w.cloud.OnServerDown = w.guests.down
	return w
}

// counter is a source of bytes that never repeat, so that ids are fresh in every life and the same in every run.
type counter struct {
	mu sync.Mutex
	n  uint64
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		if i%8 == 0 {
			c.n += 0x9e3779b97f4a7c15
		}
		x := c.n ^ c.n>>29
		x *= 0xbf58476d1ce4e5b9
		p[i] = byte(x >> (8 * (i % 8)))
	}
	return len(p), nil
}

// life is one run of trovectl, which dies at a point: from there on nothing that it does has an effect.
type life struct {
	w      *world
	mu     sync.Mutex
	points int
	dieAt  int // 0: never
	dead   bool
	cancel context.CancelFunc
	trace  []string
}

// point is one instant at which a process can end. It returns errDead from the chosen one on.
func (l *life) point(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	l.points++
	l.trace = append(l.trace, what)
	if l.points == l.dieAt {
		l.dead = true
		l.cancel()
		return errDead
	}
	return nil
}

// session is a state session that dies with its life, before or after a commit.
type session struct {
	state.Session
	life *life
}

func (s session) Commit(ctx context.Context, batch state.Batch) error {
	if err := s.life.point("before commit"); err != nil {
		return err
	}
	if err := s.Session.Commit(ctx, batch); err != nil {
		return err
	}
	return s.life.point("after commit")
}

// run looks, plans and applies as the command does, in one life.
func (w *world) run(dieAt int, mode plan.Mode) (*life, *plan.Plan, error) {
	w.t.Helper()
	return w.live(dieAt, func(ctx context.Context, now *state.Snapshot) (*plan.Plan, state.Batch, bool, error) {
		p, err := w.look(ctx, now, mode)
		w.replace = nil
		return p, state.Batch{}, false, err
	})
}

// live is one life that applies what it decides to, with its first transaction, or goes on with it.
func (w *world) live(dieAt int, decide func(context.Context, *state.Snapshot) (*plan.Plan, state.Batch, bool, error)) (*life, *plan.Plan, error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.life())
	defer cancel()
	l := &life{w: w, dieAt: dieAt, cancel: cancel}
	w.now = w.now.Add(time.Hour)
	ids := state.NewIDs(w.seed)
	session0, err := w.store.Lock(ctx, state.LockRequest{Holder: state.Holder{ID: "life-" + string(ids.Intent())}, Create: lineage})
	if err != nil {
		w.t.Fatalf("locking: %v", err)
	}
	defer func() { _ = session0.Close() }()
	p, first, resume, err := decide(ctx, session0.Snapshot())
	if err != nil {
		return l, nil, err
	}
	w.cloud.OnCall = func(call string) {
		if w.onCall != nil {
			w.onCall(call)
		}
		if isChange(call) && l.point("before "+call) != nil {
			panic(errDead)
		}
	}
	w.cloud.OnDone = func(call string) {
		w.guests.resize(w.cloud)
		if isChange(call) && l.point("after "+call) != nil {
			panic(errDead)
		}
	}
	defer func() { w.cloud.OnCall, w.cloud.OnDone = nil, nil }()
	facts := w.facts
	if facts == nil {
		facts = observe.NewFacts(w.cloud.Cloud())
	}
	w.events = nil
	cloud := *w.cloud.Cloud()
	cloud.ServerWaits = delayed{cloud.ServerWaits, w.waits}
	e := &executor.Executor{
		Accounts: accounts{w.guests, l},
		Cloud:    &cloud, Guests: dyingGuests{w.guests, l, w.carrier}, Identities: identities{}, Facts: facts,
		Session: session{session0, l}, IDs: ids, Clock: instant{}, Verifiers: w.secret, Parallel: max(1, w.parallel), Watch: w.watch,
		Timeouts: executor.Timeouts{Build: time.Hour, Boot: time.Second, Login: time.Second, Agent: time.Second, Install: time.Second, Prepare: time.Minute, Request: time.Minute, Remove: time.Hour, Retry: time.Millisecond, Broker: time.Second},
		First:    first, Resume: resume, Images: openImage,
	}
	soft := w.soft
	if soft == nil {
		soft = ctx
	}
	_, err = e.Apply(soft, ctx, p)
	return l, p, err
}

// delayed waits for something else first.
type delayed struct {
	providers.Waiter[providers.Server]
	first func(context.Context) error
}

func (d delayed) Wait(ctx context.Context, id string, done func(providers.Server, bool) (bool, error)) (providers.Server, error) {
	if d.first != nil {
		if err := d.first(ctx); err != nil {
			return providers.Server{}, err
		}
	}
	return d.Waiter.Wait(ctx, id, done)
}

// life is the context that ends everything.
func (w *world) life() context.Context {
	if w.hard != nil {
		return w.hard
	}
	return context.Background()
}

func (w *world) watch(e executor.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) look(ctx context.Context, prior *state.Snapshot, mode plan.Mode) (*plan.Plan, error) {
	w.t.Helper()
	moved, _, _ := planner.Moved(w.want, prior)
	seen, err := observe.Look(ctx, observe.Sources{
		Cloud: w.cloud.Cloud(), Guests: w.guests, Now: func() time.Time { return w.now }, Rights: rightsOf,
	}, moved, w.want)
	if err != nil {
		return nil, fmt.Errorf("looking: %w", err)
	}
	p, list := planner.Plan(w.want, prior, seen, planner.Options{Mode: mode, State: "memory:", DeleteOrphans: w.orphans, Rotate: w.rotate, Replace: w.replace})
	return p, list.Err()
}

func isChange(call string) bool {
	switch {
	case len(call) > 4 && call[:4] == "list", len(call) > 3 && call[:3] == "get", len(call) > 4 && call[:4] == "wait":
		return false
	}
	return true
}

type instant struct{}

func (instant) Now() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
func (instant) Sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Microsecond):
		return nil
	}
}

// lineage of the one state of a world.
const lineage = "aaaaaaaabbbbbbbbccccccccdd"

var ring = keyring.NewMaster([keyring.KeySize]byte{1, 2, 3}).Ring(lineage)

// identities are derived as the command derives them.
type identities struct{}

// hostKeys are those that were derived: the members of thousands of worlds have the same ids, and to derive a key is what
// costs most in them.
var hostKeys sync.Map // [2]string by hostKey

type hostKey struct {
	member     state.MemberID
	generation int
}

func (identities) HostKey(m state.MemberID, generation int) (string, string) {
	pair, derived := hostKeys.Load(hostKey{m, generation})
	if !derived {
		key := ring.HostKey(m, generation)
		pair, _ = hostKeys.LoadOrStore(hostKey{m, generation}, [2]string{key.PrivatePEM("test").Reveal(), key.AuthorizedKey("test")})
	}
	texts := pair.([2]string)
	return texts[0], texts[1]
}

func (identities) AuthorizedKey(m state.MemberID, generation int) string {
	return bootstrap.AuthorizedKeyLine(ring.ClientKey(m, generation).AuthorizedKey("test"))
}

// agentDigest is of an agent that is nowhere.
var agentDigest = strings.Repeat("5a", 32)

func (identities) AgentDigest() (string, error) { return agentDigest, nil }

func (identities) Certify(request string, names []string, now time.Time) (certificate, ca string, err error) {
	authority, err := ring.CA()
	if err != nil {
		return "", "", err
	}
	certificate, err = authority.Server(request, names, now)
	return certificate, authority.PEM(), err
}

func (identities) DigestKey(m state.MemberID) string {
	key := ring.DigestKey(m, 1)
	return hex.EncodeToString(key[:])
}
