// Package observe looks at the cloud and the guests, by lists and in parallel, and tells what is there, what is not, and
// what could not be seen. It changes nothing.
package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Guests asks agents. Inspect MUST change nothing, and is called from several goroutines. names are the settings whose
// running values are wanted beside those that the agent manages.
type Guests interface {
	Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error)
}

// Sources is where a look looks.
type Sources struct {
	Cloud  *providers.Cloud
	Guests Guests // nil: nobody asks the guests, and what is in them is not known
	// Rights are what the account of a member at the broker should have; nil where there is no broker.
	Rights func(member state.MemberID, broker resource.GuestBroker) providers.Rights
	Now    func() time.Time
	// Heard is what a guest that does not answer said of itself last, and when; nil: nobody keeps that.
	Heard func(ctx context.Context, member state.Member) (guest.Inspection, time.Time, error)
	// Choices are what an earlier look of the same run found on offer; when they are complete, nobody asks again.
	Choices planner.Choices
	// CA is the fingerprint of the CA that signs for the engines: SHA-256 in hex. Empty: certificates are not looked at.
	CA string
	// Parallel bounds how many guests are asked at once; 0: 64. GuestTimeout bounds one of them; 0: 30 s.
	Parallel     int
	GuestTimeout time.Duration
}

const (
	defaultParallel     = 64
	defaultGuestTimeout = 30 * time.Second
)

// Look lists every service once, asks for what is recorded and not listed by its id and every guest once, and compares
// nothing. desired MAY be nil: then only what is recorded is looked for, and what the cloud offers is not listed. A list
// that fails or a guest that does not answer makes what rests on it unknown. Refused credentials, a cloud of which nothing
// can be listed, and the end of ctx are errors.
func Look(ctx context.Context, sources Sources, prior *state.Snapshot, desired *resource.Set) (planner.Observation, error) {
	if desired == nil {
		desired = &resource.Set{}
	}
	l := &look{sources: sources, prior: prior, desired: desired, inspected: map[resource.Address]inspected{}, toldAccounts: map[string]bool{}}
	l.out = planner.Observation{
		At: sources.Now(), Cloud: CloudOf(sources.Cloud),
		Seen: map[resource.Address]planner.Subject{}, Found: map[resource.Address]resource.Body{},
	}
	if err := l.list(ctx); err != nil {
		return planner.Observation{}, err
	}
	l.marked()
	if err := l.askGuests(ctx); err != nil {
		return planner.Observation{}, err
	}
	for _, record := range prior.Sorted() {
		switch record.Address.Kind {
		case resource.KindInstance:
			l.out.Seen[record.Address] = l.instance(record)
		case resource.KindDatabase:
			l.out.Seen[record.Address] = l.database(record)
		case resource.KindUser:
			l.out.Seen[record.Address] = l.user(record)
		case resource.KindConfigGroup:
			l.configGroup(record)
		case resource.KindDatastore:
			l.datastore(record)
		default:
			panic(fmt.Sprintf("no look for the kind %q", record.Address.Kind))
		}
	}
	l.undeclared()
	return l.out, nil
}

// CloudOf says which cloud it is, with the further ones that are reached through it.
func CloudOf(cloud *providers.Cloud) plan.Cloud {
	out := identified(cloud.Identity)
	for alias, id := range cloud.Others {
		if out.Others == nil {
			out.Others = map[string]plan.Cloud{}
		}
		out.Others[alias] = identified(id)
	}
	return out
}

func identified(id providers.Identity) plan.Cloud {
	return plan.Cloud{Name: id.Cloud, AuthURL: id.AuthURL, ProjectID: id.ProjectID, ProjectName: id.ProjectName, Region: id.Region}
}

// look is one look under way.
type look struct {
	sources   Sources
	prior     *state.Snapshot
	desired   *resource.Set
	lists     lists
	inspected map[resource.Address]inspected // by instance
	// toldAccounts are the reasons that were told for not knowing accounts at a broker.
	toldAccounts map[string]bool
	out          planner.Observation
}

// inspected is what asking one guest gave.
type inspected struct {
	guest.Inspection
	why     string // it could not be asked or did not answer, or its engine cannot tell; empty: it answered
	skipped bool   // nobody asked
	// What it answered by name, so that an instance may hold as many as it likes.
	databases map[string]guest.ObservedDatabase
	users     map[account]guest.ObservedUser
}

// answered indexes what a guest said.
func answered(i guest.Inspection) inspected {
	out := inspected{
		Inspection: i, databases: make(map[string]guest.ObservedDatabase, len(i.Databases)), users: make(map[account]guest.ObservedUser, len(i.Users)),
	}
	for _, d := range i.Databases {
		out.databases[d.Name] = d
	}
	for _, u := range i.Users {
		out.users[account{u.Name, u.Host}] = u
	}
	return out
}

// askGuests asks the guests of all instances that are ready, each once.
func (l *look) askGuests(ctx context.Context) error {
	type question struct {
		record state.Record
		member state.Member
		why    string
	}
	var questions []question
	for _, r := range l.prior.Sorted() {
		if r.Address.Kind == resource.KindInstance {
			member, why := l.reachable(r)
			questions = append(questions, question{r, member, why})
		}
	}
	answers := make([]inspected, len(questions))
	parallel := l.sources.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, q := range questions {
		switch {
		case q.why != "":
			answers[i] = inspected{why: q.why}
		case l.sources.Guests == nil:
			answers[i] = inspected{why: "its guest was not asked", skipped: true}
		default:
			group.Go(func() error {
				answers[i] = l.ask(ctx, q.member, l.settingNames(q.record))
				return ctx.Err()
			})
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("looking at the guests: %w", err)
	}
	for i, q := range questions {
		l.inspected[q.record.Address] = answers[i]
	}
	return nil
}

func (l *look) ask(ctx context.Context, member state.Member, names []string) inspected {
	limit := l.sources.GuestTimeout
	if limit <= 0 {
		limit = defaultGuestTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := l.sources.Guests.Inspect(within, member, names)
	switch {
	case err != nil && errors.Is(within.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return inspected{why: fmt.Sprintf("the guest did not answer within %s", limit) + l.heard(ctx, member)}
	case err != nil:
		return inspected{why: fmt.Sprintf("the guest could not be asked: %v", err) + l.heard(ctx, member)}
	case !tells(answer.Status):
		return inspected{Inspection: answer, why: fmt.Sprintf("the engine is %s", answer.Status)}
	}
	return answered(answer)
}

// hearing bounds how long the last word of a silent guest is looked for.
const hearing = 5 * time.Second

// heard is what a silent guest said of itself last; empty: nothing is known of it.
func (l *look) heard(ctx context.Context, member state.Member) string {
	if l.sources.Heard == nil || len(member.Objects[state.SlotAccount].ID) == 0 {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	last, at, err := l.sources.Heard(ctx, member)
	if err != nil || last.Member != string(member.ID) {
		return ""
	}
	return fmt.Sprintf("; last heard %s ago: %s", Age(l.sources.Now(), at), last.Status)
}

// Age is how long ago something was, for people. What clocks that differ put into the future is now.
func Age(now, then time.Time) time.Duration { return max(0, now.Sub(then)).Round(time.Second) }

// tells tells whether an engine in this state knows its databases and users. One that does not answer has empty lists,
// which say nothing.
func tells(status guest.Status) bool {
	return status == guest.StatusHealthy || status == guest.StatusRestartRequired || status == guest.StatusReadOnly
}
