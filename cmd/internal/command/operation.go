package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

// operation is one look at everything, shared by the commands that compare.
type operation struct {
	*Meta
	config    *config.Config
	store     state.Store
	address   string // of the store, as the user wrote it
	missing   bool   // there was no state yet
	ring      *keyring.Ring
	cloud     *providers.Cloud
	guests    *guests
	prior     *state.Snapshot
	seen      planner.Observation
	verifiers map[resource.Address]resource.Secret
	warnings  diag.List
}

// open loads the configuration, the state and its key, and reaches the cloud. It changes nothing but, with create, makes
// a master key where there is neither a state nor a key.
func (m *Meta) open(ctx context.Context, f *flags, settingsOnly, create bool) (*operation, diag.List) {
	op := &operation{Meta: m, verifiers: map[resource.Address]resource.Secret{}}
	load := config.Load
	if settingsOnly {
		load = config.LoadSettings
	}
	loaded, list := m.load(ctx, f, load)
	if list.HasErrors() {
		return nil, list
	}
	op.config, op.warnings = loaded, list
	if settingsOnly {
		loaded.Set = &resource.Set{}
	}
	if err := op.openState(ctx, f, settingsOnly, create); err != nil {
		return nil, append(list, stateDiagnostic(err, op.address))
	}
	op.digestPasswords()
	cloud, err := m.openCloud(ctx, loaded)
	if err != nil {
		return nil, append(list, cloudDiagnostic(err))
	}
	op.cloud = cloud
	if op.guests, err = m.newGuests(op.ring, loaded.Guest); err != nil {
		return nil, append(list, diag.Diagnostic{Severity: diag.Error, Summary: "The guests cannot be reached", Detail: err.Error()})
	}
	brokers := op.askBrokers(ctx)
	if op.warnings = append(op.warnings, brokers...); brokers.HasErrors() {
		return nil, op.warnings
	}
	return op, nil
}

func (m *Meta) configInput(f *flags) config.Input {
	return config.Input{Assignments: f.assignments, Environ: m.env.list(), Version: Version, MakesNothing: f.destroying || f.mode() != plan.ModeApply}
}

// openState reads the state. Outside of CI a missing state is an empty one.
func (op *operation) openState(ctx context.Context, f *flags, settingsOnly, create bool) error {
	store, address, err := op.openStore(op.config)
	if err != nil {
		return err
	}
	op.store, op.address = store, address
	op.prior, err = store.Read(ctx)
	missing := errors.Is(err, state.ErrMissing)
	op.missing = missing
	switch {
	case missing && settingsOnly:
		return err // what was never recorded cannot be compared with reality
	case missing && op.env["CI"] != "" && !f.initState:
		return fmt.Errorf("%w, and CI is set: a missing state may be a lost one. Give -init-state if this is the very first run", err)
	case missing:
		op.prior = state.Empty(newIDs().Lineage())
		switch {
		case f.saved != nil:
			op.prior.Lineage = f.saved.plan.Lineage // what the plan calls the state that it begins
		case f.lineage != "":
			op.prior.Lineage = f.lineage
		}
	case err != nil:
		return err
	}
	master, err := op.loadMaster(op.address, missing, create, f.saved == nil && f.lineage == "")
	if err != nil {
		return err
	}
	for _, text := range master.Warnings() {
		op.warnings = op.warnings.Warnf("master-key", nil, "The master key", "%s", text)
	}
	if master.Created() {
		op.tell.Note("A master key was made: " + master.From() + ". Back it up: without it the guests cannot be reached. Keep it out of the repository.")
	}
	op.ring = master.Ring(op.prior.Lineage)
	if op.prior.KeyCheck == "" && f.saved != nil && f.saved.plan.Lineage == op.prior.Lineage {
		return op.ring.Verify(f.saved.plan.KeyCheck)
	}
	return op.ring.Verify(op.prior.KeyCheck)
}

// digestPasswords replaces every password of the desired set by its digest and keeps what the engine is to store aside,
// so that neither the planner nor a plan ever holds a secret.
func (op *operation) digestPasswords() {
	if op.config.Set == nil {
		return
	}
	for address, r := range op.config.Set.Resources {
		password, _ := resource.PasswordOf(r.Body)
		if password == nil {
			continue
		}
		digest, verifier := op.digested(r, password)
		r.Body = resource.WithPassword(r.Body, &resource.Password{Digest: digest})
		if !verifier.IsZero() {
			op.verifiers[address] = verifier
		}
	}
}

func (op *operation) digested(r *resource.Resource, p *resource.Password) (digest string, verifier resource.Secret) {
	switch {
	case !p.Verifier.IsZero():
		return op.ring.HashDigest(p.Verifier), p.Verifier
	case !p.Secret.IsZero():
		instance, account := r.Address, "root"
		if user, ok := r.Body.(*resource.User); ok {
			instance, account = user.Instance, fmt.Sprintf("user %q %q", user.Name, user.Host)
		}
		if engine, ok := op.engineOf(instance); ok {
			verifier = resource.NewSecret(engine.Verifier(p.Secret.Reveal(), op.ring.Salt(instance.String(), account)))
		}
		return op.ring.PasswordDigest(p.Secret), verifier
	default:
		return "", resource.Secret{}
	}
}

func (op *operation) engineOf(instance resource.Address) (*catalog.Engine, bool) {
	r, ok := op.config.Set.Resources[instance]
	if !ok {
		return nil, false
	}
	body, ok := r.Body.(*resource.Instance)
	if !ok {
		return nil, false
	}
	return catalog.Lookup(body.Manager)
}

// unchanger is the power of a store to tell that a state is still the one it gave, without giving it again.
type unchanger interface {
	Unchanged(ctx context.Context, seen *state.Snapshot) (bool, error)
}

// look observes the cloud and the guests, and reads the state again afterwards: what was made meanwhile is no orphan.
func (op *operation) look(ctx context.Context, withGuests bool) error {
	sources := observe.Sources{Cloud: op.cloud, Now: time.Now, Choices: op.seen.Choices, Rights: op.guests.Rights, Heard: op.guests.Heard}
	if withGuests {
		sources.Guests = op.guests
		authority, err := op.ring.CA()
		if err != nil {
			return err
		}
		sources.CA = authority.Fingerprint()
	}
	for range 3 {
		seen, err := observe.Look(ctx, sources, op.moved(), op.config.Set)
		if err != nil {
			return err
		}
		op.seen = seen
		if cheap, ok := op.store.(unchanger); ok && op.prior.Serial > 0 {
			if same, err := cheap.Unchanged(ctx, op.prior); err == nil && same {
				return nil
			}
		}
		again, err := op.store.Read(ctx)
		if errors.Is(err, state.ErrMissing) {
			return nil
		}
		if err != nil {
			return err
		}
		unchanged := again.Serial == op.prior.Serial
		if again.Lineage == op.prior.Lineage {
			op.prior = again
		}
		if unchanged {
			return nil
		}
	}
	return nil
}

// moved is the state with the moves of the configuration made. What is wrong with them, the plan tells.
func (op *operation) moved() *state.Snapshot {
	moved, _, _ := planner.Moved(op.config.Set, op.prior)
	return moved
}

// plan compares, and adds what the outputs would become.
func (op *operation) plan(mode plan.Mode, f *flags) (*plan.Plan, diag.List) {
	if len(f.replace) > 0 && mode != plan.ModeApply {
		return nil, diag.List(nil).Errorf(nil, "-replace is for an apply", "It says what is to be made anew, and -destroy and -refresh-only make nothing. Nothing was changed.")
	}
	p, list := planner.Plan(op.config.Set, op.prior, op.seen, planner.Options{
		Mode: mode, Targets: f.targets, Replace: f.replace, DeleteOrphans: f.deleteOrphans, Rotate: f.rotate, State: op.address, ConfigDigest: op.config.Digest,
	})
	list = append(append(diag.List{}, op.warnings...), list...)
	if list.HasErrors() || mode != plan.ModeApply && mode != plan.ModeDestroy { // outputs are of the configuration
		return p, list
	}
	outputs, more := op.outputChanges(p)
	p.Outputs = outputs
	if mode != plan.ModeApply {
		return p, append(list, more...)
	}
	checks, failed := op.plannedChecks(p)
	p.Checks = checks
	return p, slices.Concat(list, more, failed)
}
