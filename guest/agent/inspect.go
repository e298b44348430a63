package agent

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// inspect looks at everything at once, beside a change that may be in work. Databases, users and settings are there only
// when the engine answers; one that fails while it is asked fails the inspection, because an empty list would say that
// there is nothing.
func (a *Agent) inspect(ctx context.Context, in guest.Inspect) (guest.Inspection, error) {
	seen, err := a.health(ctx)
	if err != nil {
		return guest.Inspection{}, err
	}
	server, _ := a.theEngine()
	if server == nil || !seen.Prepared || !answers(seen.Status) {
		return seen, nil
	}
	if err := a.inspectEngine(ctx, server, in.Settings, &seen); err != nil {
		return guest.Inspection{}, err
	}
	return seen, nil
}

// health is what is quickly told: who it is, how the engine is, and how full the volume.
func (a *Agent) health(ctx context.Context) (guest.Inspection, error) {
	a.mu.Lock()
	atBroker := a.atBroker
	a.mu.Unlock()
	seen := guest.Inspection{Pong: a.pong(), Status: guest.StatusNew, Broker: atBroker}
	server, wanted := a.theEngine()
	if server == nil {
		if seen.Prepared { // its volume is not there
			seen.Status = guest.StatusCrashed
		}
		return seen, nil
	}
	state, err := server.State(ctx)
	if err != nil {
		return guest.Inspection{}, asGuestError(guest.KindEngine, "asking for the engine's state", err)
	}
	seen.Status, seen.RunningVersion, seen.StartedAt = state.Status, state.Version, state.StartedAt
	if state.Status == guest.StatusShutdown && wanted {
		seen.Status = guest.StatusCrashed // nobody here stopped it
	}
	if !seen.Prepared {
		seen.Status = guest.StatusNew
		return seen, nil
	}
	seen.Volume, err = a.volume(ctx)
	return seen, err
}

// answers tells whether an engine in this state can be asked.
func answers(status guest.Status) bool {
	return status == guest.StatusHealthy || status == guest.StatusRestartRequired || status == guest.StatusReadOnly
}

// inspectEngine fills in what an engine that answers can tell, by its powers, side by side.
func (a *Agent) inspectEngine(ctx context.Context, server engine.Engine, names []string, seen *guest.Inspection) error {
	key := a.theIdentity()
	work, ctx := errgroup.WithContext(ctx)
	if databases, ok := server.(engine.Databases); ok {
		work.Go(func() (err error) {
			seen.Databases, err = databases.ListDatabases(ctx)
			if err != nil {
				return asGuestError(guest.KindEngine, "listing databases", err)
			}
			slices.SortFunc(seen.Databases, func(a, b guest.ObservedDatabase) int {
				return strings.Compare(a.Name, b.Name)
			})
			return nil
		})
	}
	if users, ok := server.(engine.Users); ok {
		work.Go(func() error {
			accounts, err := users.ListUsers(ctx)
			if err != nil {
				return asGuestError(guest.KindEngine, "listing users", err)
			}
			seen.Users, err = observe(accounts, key)
			return err
		})
	}
	if settings, ok := server.(engine.Configurable); ok {
		work.Go(func() (err error) {
			seen.Settings, err = settings.ReadSettings(ctx, names)
			if err != nil {
				return asGuestError(guest.KindEngine, "reading settings", err)
			}
			return nil
		})
	}
	a.inspectCare(ctx, work, server, seen)
	if err := work.Wait(); err != nil {
		return err
	}
	for name, setting := range seen.Settings {
		if setting.Pending {
			seen.PendingRestart = append(seen.PendingRestart, name)
		}
	}
	slices.Sort(seen.PendingRestart)
	if len(seen.PendingRestart) > 0 && seen.Status == guest.StatusHealthy {
		seen.Status = guest.StatusRestartRequired
	}
	return nil
}

// inspectCare asks for what is not data: root, logs and TLS.
func (a *Agent) inspectCare(ctx context.Context, work *errgroup.Group, server engine.Engine, seen *guest.Inspection) {
	if rooted, ok := server.(engine.Rooted); ok {
		work.Go(func() error {
			root, err := rooted.Root(ctx)
			if err != nil {
				return asGuestError(guest.KindEngine, "asking for root", err)
			}
			digest, err := a.theIdentity().digest(root.Verifier)
			seen.Root = &guest.ObservedRoot{Enabled: root.Verifier != "", VerifierDigest: digest}
			return err
		})
	}
	if logged, ok := server.(engine.Logged); ok {
		work.Go(func() (err error) {
			seen.Logs, err = observeLogs(ctx, logged)
			return err
		})
	}
	if certified, ok := server.(engine.Certified); ok {
		work.Go(func() (err error) {
			seen.TLS, err = a.observeTLS(ctx, certified)
			return err
		})
	}
}

// metrics fulfils guest.Metrics: the engine's own, and those of the disk.
func (a *Agent) metrics(ctx context.Context, _ struct{}) (guest.Metrics, error) {
	metered, err := power[engine.Metered](a, "metrics")
	if err != nil {
		return guest.Metrics{}, err
	}
	values, err := metered.Metrics(ctx)
	if err != nil {
		return guest.Metrics{}, asGuestError(guest.KindEngine, "measuring the engine", err)
	}
	volume, err := a.volume(ctx)
	if err != nil {
		return guest.Metrics{}, err
	}
	if volume != nil {
		values["disk_used_bytes"], values["disk_free_bytes"] = float64(volume.UsedBytes), float64(volume.FreeBytes)
	}
	return guest.Metrics{Values: values}, nil
}

// observe puts digests in the place of verifiers.
func observe(accounts []engine.Account, key identity) ([]guest.ObservedUser, error) {
	users := make([]guest.ObservedUser, 0, len(accounts))
	for _, account := range accounts {
		digest, err := key.digest(account.Verifier)
		if err != nil {
			return nil, err
		}
		users = append(users, guest.ObservedUser{
			Name: account.Name, Host: account.Host, VerifierDigest: digest, Grants: account.Grants, Rights: account.Rights,
		})
	}
	slices.SortFunc(users, func(a, b guest.ObservedUser) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Host, b.Host))
	})
	return users, nil
}

// digest is what stands for a verifier outside of the guest; empty for no verifier.
func (i identity) digest(verifier string) (string, error) {
	if verifier == "" {
		return "", nil
	}
	if i.DigestKey == "" {
		return "", guest.Errorf(guest.KindConflict, "the guest has no digest key yet: rotate brings it")
	}
	key, err := digestKey(i.DigestKey)
	if err != nil {
		return "", err
	}
	return guest.VerifierDigest(key, verifier), nil
}

func quote(name string) string { return strconv.Quote(name) }
