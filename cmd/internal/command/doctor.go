package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

var doctorSpec = spec{
	synopsis: "Examine what apply rests on: state, key, cloud, rights, quota, and the way to each guest; changes nothing",
	usage:    "trovectl doctor [options] [ADDRESS...]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
	},
	run: runDoctor,
}

// doctor examines one thing after the other; what fails keeps nothing from being examined that does not rest on it.
type doctor struct {
	*Meta
	f        *flags
	config   *config.Config
	findings []view.Finding
	premises premises
	fresh    bool // there is no state yet
}

// runDoctor: 0 nothing failed, 1 something did.
func runDoctor(m *Meta, f *flags) int {
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	d := &doctor{Meta: m, f: f}
	d.examine(ctx)
	failed := slices.ContainsFunc(d.findings, func(one view.Finding) bool { return one.Verdict == view.Bad })
	code := exitOK
	if f.json {
		code = m.printJSON(view.DoctorJSON(d.findings))
	} else {
		m.view.Doctor(d.findings)
	}
	if failed {
		return exitError
	}
	return code
}

func (d *doctor) tell(check, subject string, verdict view.Verdict, text, hint string) {
	d.findings = append(d.findings, view.Finding{Check: check, Subject: subject, Verdict: verdict, Text: text, Hint: hint})
}

func (d *doctor) examine(ctx context.Context) {
	if !d.settings() {
		return
	}
	cloud := d.cloud(ctx)
	d.brokers(ctx)
	prior, address := d.state(ctx)
	reach := d.key(prior, address)
	if cloud != nil {
		d.services(ctx, cloud)
		d.names(ctx, cloud, prior, address)
	}
	if prior != nil && reach != nil {
		d.guests(ctx, prior, reach)
	}
}

// settings reads the blocks that say where everything is.
func (d *doctor) settings() bool {
	loaded, list := d.load(context.Background(), d.f, config.LoadSettings)
	for _, one := range list {
		verdict := view.Fair
		if list.HasErrors() {
			verdict = view.Bad
		}
		d.tell("configuration", "", verdict, strings.TrimSpace(one.Summary+": "+one.Detail), one.Hint)
	}
	if list.HasErrors() {
		return false
	}
	d.config = loaded
	d.tell("configuration", "", view.Good, fmt.Sprintf("%d files in %s", len(loaded.Sources), d.dir), "")
	return true
}

// state reads the state and who holds it. Without one there is nothing to know of guests.
func (d *doctor) state(ctx context.Context) (*state.Snapshot, string) {
	store, address, err := d.openStore(d.config)
	if err != nil {
		found := stateDiagnostic(err, address)
		d.tell("state", "", view.Bad, found.Detail, found.Hint)
		return nil, address
	}
	prior, err := store.Read(ctx)
	switch {
	case errors.Is(err, state.ErrMissing):
		d.fresh = true
		d.tell("state", "", view.Fair, address+": there is none yet", "The first apply makes it. If there was one, restore it, or say where it is: TROVE_STATE.")
		return nil, address
	case err != nil:
		found := stateDiagnostic(err, address)
		d.tell("state", "", view.Bad, found.Detail, found.Hint)
		return nil, address
	}
	if problems := state.Check(prior); len(problems) > 0 {
		d.tell("state", "", view.Bad, fmt.Sprintf("%s does not hold together: %v", address, problems[0]), "Restore it from its backup; `trovectl state check` lists every problem.")
	} else {
		d.tell("state", "", view.Good, fmt.Sprintf("%s: serial %d, %d records, %d open intents", address, prior.Serial, len(prior.Records), len(prior.Intents)), "")
	}
	if len(prior.Intents) > 0 {
		d.tell("journal", "", view.Fair, fmt.Sprintf("%d changes were begun and not ended", len(prior.Intents)), "`trovectl apply` goes on with them.")
	}
	d.lockHolder(ctx, store)
	return prior, address
}

func (d *doctor) lockHolder(ctx context.Context, store state.Store) {
	switch holder, err := store.Holder(ctx); {
	case err != nil:
		d.tell("lock", "", view.Bad, err.Error(), "")
	case holder == nil:
		d.tell("lock", "", view.Good, "nobody holds it", "")
	default:
		d.tell("lock", "", view.Fair, (&state.LockedError{Holder: *holder}).Error(), "Wait for that run; a holder that has died loses the lock by itself.")
	}
}

// key reads the master key, compares it with the state, and gives the way to the guests.
func (d *doctor) key(prior *state.Snapshot, address string) *guests {
	master, err := d.loadMaster(address, prior == nil, false, true)
	if err != nil {
		d.tell("master key", "", view.Bad, err.Error(), "Give the key that the state was made with: TROVE_KEY, TROVE_KEY_FILE, or trove.key beside the state.")
		return nil
	}
	if prior == nil {
		return nil // a key that fits nothing yet
	}
	ring := master.Ring(prior.Lineage)
	if err := ring.Verify(prior.KeyCheck); err != nil {
		d.tell("master key", "", view.Bad, err.Error(), "Give the key that the state was made with: without it the guests cannot be reached.")
		return nil
	}
	for _, warning := range master.Warnings() {
		d.tell("master key", "", view.Fair, warning, "")
	}
	d.tell("master key", "", view.Good, "from "+master.From()+", fits the state", "")
	reach, err := d.newGuests(ring, d.config.Guest)
	if err != nil {
		d.tell("guest block", "", view.Bad, err.Error(), "")
		return nil
	}
	return reach
}

// doctorParallel bounds how many guests are greeted at once, doctorPatience how long one of them is waited for.
const (
	doctorParallel = 32
	doctorPatience = 20 * time.Second
)

// guests goes the whole way to each agent, and asks who answers.
func (d *doctor) guests(ctx context.Context, prior *state.Snapshot, reach *guests) {
	var asked []state.Record
	for _, r := range prior.Sorted() {
		if r.Address.Kind == resource.KindInstance && (len(d.f.args) == 0 || matches(r.Address, d.f.args)) {
			asked = append(asked, r)
		}
	}
	for _, text := range d.f.args {
		if !slices.ContainsFunc(asked, func(r state.Record) bool { return matches(r.Address, []string{text}) }) {
			d.tell("guest", text, view.Bad, "is not an instance in the state", "`trovectl state list` lists what is.")
		}
	}
	if len(asked) == 0 || !d.bastion(ctx, reach) {
		return
	}
	found := make([][]view.Finding, len(asked))
	var group errgroup.Group
	group.SetLimit(doctorParallel)
	for i, r := range asked {
		group.Go(func() error {
			v := visit{r, prior.Members[r.Member], reach}
			found[i] = append(found[i], d.greet(ctx, v))
			if more, asked := d.atBroker(ctx, v); asked {
				found[i] = append(found[i], more)
			}
			return nil
		})
	}
	_ = group.Wait() // each says by itself how it went
	d.findings = append(d.findings, slices.Concat(found...)...)
}

// collect runs examinations beside each other and keeps their order.
func (d *doctor) collect(examinations []func() view.Finding) {
	found := make([]view.Finding, len(examinations))
	var group sync.WaitGroup
	for i, examine := range examinations {
		group.Go(func() { found[i] = examine() })
	}
	group.Wait()
	d.findings = append(d.findings, found...)
}
