package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/graph"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Guests opens channels to agents.
type Guests interface {
	// Dial reaches a member's agent and pins it to the host keys of these generations. Nobody there is *guest.Error of
	// KindUnreachable. The caller closes.
	Dial(ctx context.Context, member state.Member, generations ...int) (guest.Carrier, error)
	// Deliver sends the agent to a guest that was born to wait for it. An agent that the guest cannot run is *guest.Error of
	// KindUnsupported. It MAY be repeated.
	Deliver(ctx context.Context, member state.Member, generations ...int) error
}

// Facts reads again, just before a step, what the step rests on.
type Facts interface {
	// Verify returns an error that says which fact no longer holds.
	Verify(ctx context.Context, step plan.Step) error
}

// Identities is what a guest is born with and what replaces it at first contact. It is derived, never stored.
type Identities interface {
	HostKey(member state.MemberID, generation int) (private string, public string)
	AuthorizedKey(member state.MemberID, generation int) string
	DigestKey(member state.MemberID) string
	// Certify signs a certificate, in PEM, for the key of a guest's request and these names, and gives its CA's too.
	Certify(request string, names []string, now time.Time) (certificate, ca string, err error)
	// AgentDigest is the SHA-256, in hex, of the agent that Guests delivers. It fails where there is no agent to deliver.
	AgentDigest() (string, error)
}

// Executor applies plans. All fields down to Timeouts but Watch must be set.
type Executor struct {
	Cloud      *providers.Cloud
	Guests     Guests
	Identities Identities
	Facts      Facts
	Accounts   Accounts // may be nil where no guest is reached over a message broker
	Session    state.Session
	IDs        IDs
	Clock      Clock
	// Images opens a file that the configuration names as an image; may be nil where there is none. The caller closes its data.
	Images func(file string) (ImageFile, error)
	// Verifiers holds what the engine is to store for a user's password, by the user's address. It never leaves memory.
	Verifiers map[resource.Address]resource.Secret
	// Parallel is how many steps work beside each other; those that wait for the cloud or for an agent do not count. 1: one
	// step after the other.
	Parallel int
	Watch    func(Event)
	Timeouts Timeouts
	// First is recorded in the first transaction. With its BeginRun the plan is a saved one: the run that it opens is closed
	// when every step has ended well.
	First state.Batch
	// Resume says that an earlier life has begun the run of this very plan: what it ended is not done again.
	Resume bool
}

// IDs makes identifiers.
type IDs interface {
	Member() state.MemberID
	Role() state.RoleID
	Intent() state.IntentID
}

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep returns early with ctx's error when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

// Timeouts bound the waits of a step. Boot to Prepare follow one another at the first boot of a guest.
type Timeouts struct {
	Build   time.Duration // a server or volume until it is usable
	Boot    time.Duration // an active server until something answers at its address
	Login   time.Duration // from then on until its SSH has the keys of its user-data
	Agent   time.Duration // from then on until the agent answers
	Install time.Duration // the same where packages are installed first, and the agent is delivered
	Prepare time.Duration // the data volume and the engine on it
	Request time.Duration // one request to a guest
	Remove  time.Duration // an object until it is gone
	Retry   time.Duration // between two tries to reach an agent
	Broker  time.Duration // a message broker that is away, until it is back
}

// DefaultTimeouts suit a slow cloud.
var DefaultTimeouts = Timeouts{
	Build: 30 * time.Minute, Boot: 15 * time.Minute, Login: 10 * time.Minute, Agent: 5 * time.Minute, Install: 30 * time.Minute,
	Prepare: 15 * time.Minute, Request: 5 * time.Minute, Remove: 10 * time.Minute, Retry: 500 * time.Millisecond,
	Broker: 2 * time.Minute,
}

// Result counts what an apply did.
type Result struct {
	Added, Changed, Destroyed, Failed, Skipped int
}

// run is one apply.
type run struct {
	*Executor
	lineage string
	journal *journaled.Journal
	removed map[resource.Address]state.MemberID // the machines that the plan removes, by address
	prefix  string                              // of the names of shared security groups
	shared  sharedGroups
	outage  *outage
}

// Apply does the steps of a plan. It returns an error when a step failed or was skipped; the events say which and why.
// When ctx is cancelled no further step starts, those that run go on to their next wait, and abort ends them at once.
func (e *Executor) Apply(ctx context.Context, abort context.Context, p *plan.Plan) (Result, error) {
	var result Result
	snapshot := e.Session.Snapshot()
	if snapshot.Lineage != p.Lineage {
		return result, fmt.Errorf("the plan belongs to the state %s, not to %s", p.Lineage, snapshot.Lineage)
	}
	seats := newSeats(ctx, e.Parallel)
	r, err := e.seated(seats).begin(abort, p, snapshot)
	if err != nil {
		return result, err
	}
	g, steps := stepGraph(p)
	results := g.Walk(ctx, seats.begun(), func(_ context.Context, id string) error {
		seats.take()
		defer seats.give()
		if ctx.Err() != nil {
			return errNotBegun
		}
		return r.step(abort, *steps[id])
	})
	if result, err = r.tally(p, results); err != nil {
		return result, err
	}
	return result, r.end(abort)
}

func stepGraph(p *plan.Plan) (*graph.Graph[string], map[string]*plan.Step) {
	g, steps := graph.New[string](), make(map[string]*plan.Step, len(p.Steps))
	for i := range p.Steps {
		g.Add(p.Steps[i].ID)
		steps[p.Steps[i].ID] = &p.Steps[i]
	}
	for i := range p.Steps {
		for _, need := range p.Steps[i].Needs {
			g.Connect(need, p.Steps[i].ID)
		}
	}
	return g, steps
}

func (r *run) step(ctx context.Context, step plan.Step) error {
	begun := r.Clock.Now()
	r.tell(Started{step})
	if r.over(step) {
		r.tell(Done{step, 0, []string{"an earlier run of this plan has done it"}})
		return nil
	}
	act := &act{run: r, step: step}
	err := r.Facts.Verify(ctx, r.standing(step))
	if err == nil {
		err = act.do(ctx)
	}
	took := r.Clock.Now().Sub(begun)
	if err != nil {
		r.tell(Failure{step, took, err})
		return err
	}
	r.tell(Done{step, took, act.notes})
	return nil
}

func (r *run) tell(e Event) {
	if r.Watch != nil {
		r.Watch(e)
	}
}

func (r *run) tally(p *plan.Plan, results []graph.Result[string]) (Result, error) {
	var result Result
	var failures []error
	steps := make(map[string]plan.Step, len(p.Steps))
	for _, step := range p.Steps {
		steps[step.ID] = step
	}
	unbegun := map[string]bool{}
	for _, of := range results {
		unbegun[of.Key] = errors.Is(of.Err, errNotBegun)
	}
	for _, of := range results {
		step := steps[of.Key]
		if unbegun[of.Key] || unbegun[of.Culprit] {
			of.Outcome = graph.Unstarted
		}
		switch of.Outcome {
		case graph.Done:
			result.count(step.Action)
		case graph.Failed:
			result.Failed++
			failures = append(failures, fmt.Errorf("%s: %w", step.ID, of.Err))
		case graph.Skipped:
			result.Skipped++
			r.tell(Skipped{step, of.Culprit})
		case graph.Unstarted:
			result.Skipped++
			r.tell(Skipped{step, "interrupted"})
		default:
			panic(fmt.Sprintf("unknown outcome %q", of.Outcome))
		}
	}
	if len(failures) == 0 && result.Skipped > 0 {
		failures = append(failures, fmt.Errorf("interrupted: %d steps were not begun; apply again to go on", result.Skipped))
	}
	return result, errors.Join(failures...)
}

func (r *Result) count(action plan.Action) {
	switch action {
	case plan.Create:
		r.Added++
	case plan.Update:
		r.Changed++
	case plan.Delete, plan.DeleteOrphan:
		r.Destroyed++
	default:
		panic(fmt.Sprintf("unknown action %q", action))
	}
}

// act is one step being done.
type act struct {
	*run
	step  plan.Step
	notes []string
}

func (a *act) progress(format string, args ...any) {
	a.tell(Progress{a.step, fmt.Sprintf(format, args...)})
}

// do hands the step to the actuator of its kind.
func (a *act) do(ctx context.Context) error {
	if a.step.Action == plan.DeleteOrphan {
		return a.deleteOrphan(ctx)
	}
	switch a.step.Address.Kind {
	case resource.KindDatastore:
		return a.datastore(ctx)
	case resource.KindConfigGroup:
		return a.configGroup(ctx)
	case resource.KindInstance:
		return a.instance(ctx)
	case resource.KindDatabase:
		return a.database(ctx)
	case resource.KindUser:
		return a.user(ctx)
	default:
		panic(fmt.Sprintf("no actuator for the kind %q", a.step.Address.Kind))
	}
}
