package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/openstack"
	"github.com/trovectl/trovectl/providers/routed"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
	"github.com/trovectl/trovectl/state/keyring"
)

// openStore chooses the store: TROVE_STATE, then the state block, then trove.db beside the configuration. It returns the
// address as the user wrote it too.
func (m *Meta) openStore(c *config.Config) (state.Store, string, error) {
	address, err := m.stateAddress(c)
	if err != nil {
		return nil, "", err
	}
	switch kind, rest, _ := strings.Cut(address, ":"); {
	case kind == "bbolt" && rest != "":
		return m.mortal(bolt.New(m.path(rest))), address, nil
	case kind == "swift":
		at, err := parseSwift(address)
		if err != nil {
			return nil, "", err
		}
		store, err := m.openSwift(context.Background(), c, at)
		if err != nil {
			return nil, address, err
		}
		return m.mortal(store), address, nil
	default:
		return nil, "", fmt.Errorf("the state address %q is not available yet in trovectl %s: want bbolt:PATH or swift://CONTAINER/KEY", address, Version)
	}
}

func (m *Meta) stateAddress(c *config.Config) (string, error) {
	if address := m.env["TROVE_STATE"]; address != "" {
		return address, nil
	}
	if c == nil || c.Trove.State == nil {
		return "bbolt:trove.db", nil
	}
	switch block := c.Trove.State; block.Type {
	case "bbolt":
		return "bbolt:" + block.Args["path"], nil
	case "swift":
		at, err := swiftBlock(block)
		return at.String(), err
	default:
		return "", fmt.Errorf("state %q is not available yet in trovectl %s: leave the block out, or write state \"bbolt\" { path = ... } or state \"swift\" { container = ..., key = ... }", block.Type, Version)
	}
}

// loadMaster reads the master key. Only with create, and where there is no state yet, a new one is made, beside a state
// that is a file; a look before that derives, where it may, from a key that is thrown
// away.
func (m *Meta) loadMaster(address string, missing, create, throwaway bool) (*keyring.Master, error) {
	options := keyring.Options{Env: m.env, AllowCreate: missing && create}
	if path, file := strings.CutPrefix(address, "bbolt:"); file {
		options.StatePath = m.path(path)
	}
	master, err := keyring.Load(options)
	if missing && !create && throwaway && errors.Is(err, keyring.ErrMissing) {
		var key [keyring.KeySize]byte
		if _, err := rand.Read(key[:]); err != nil {
			return nil, err
		}
		return keyring.NewMaster(key), nil
	}
	return master, err
}

// openCloud opens the clouds that the provider blocks and the environment name, as one.
func (m *Meta) openCloud(ctx context.Context, c *config.Config) (*providers.Cloud, error) {
	base, err := m.connect(ctx, defaultProvider(c))
	if err != nil {
		return nil, err
	}
	others, down := map[string]*providers.Cloud{}, map[string]error{}
	for _, p := range c.Providers {
		if p.Alias == "" {
			continue
		}
		cloud, err := m.connect(ctx, p)
		switch {
		case providers.IsKind(err, providers.KindTransient): // what is in this one is unknown, and the others are not
			down[p.Alias] = err
		case err != nil:
			return nil, fmt.Errorf("provider %q: %w", p.Alias, err)
		default:
			if others[p.Alias], err = m.withBroker(cloud, c.Guest, p.Alias); err != nil {
				return nil, err
			}
		}
	}
	if base, err = m.withBroker(base, c.Guest, ""); err != nil {
		return nil, err
	}
	return routed.New(base, others, down), nil
}

// withBroker is a cloud with the broker of its guests.
func (m *Meta) withBroker(cloud *providers.Cloud, settings config.Guest, alias string) (*providers.Cloud, error) {
	broker, err := m.openBroker(settings, alias)
	if err != nil {
		return nil, fmt.Errorf("the message broker: %w", err)
	}
	with := *cloud
	with.Broker = broker
	return &with, nil
}

// defaultProvider is the provider block without an alias; nothing: the environment alone.
func defaultProvider(c *config.Config) config.Provider {
	for _, p := range c.Providers {
		if p.Alias == "" {
			return p
		}
	}
	return config.Provider{}
}

// connect opens a cloud, once for the same arguments: the state may be in the cloud that the databases are in.
func (m *Meta) connect(ctx context.Context, asked config.Provider) (*providers.Cloud, error) {
	for _, known := range m.clouds {
		if known.name == asked.Cloud && maps.Equal(known.args, asked.Args) {
			return known.cloud, nil
		}
	}
	stack := middleware.New(middleware.Options{Log: m.log})
	cloud, err := openstack.Open(ctx, openstack.Options{
		Cloud: asked.Cloud, Region: asked.Args["region"], Dir: m.dir, UserAgent: "trovectl/" + Version, Log: m.log, Wrap: stack.Transport, Timeout: m.haste().request,
		Getenv: func(name string) string {
			// An argument of the provider block stands for the variable of the same name.
			if value, given := asked.Getenv(name); given {
				return value
			}
			return m.env[name]
		},
	})
	if err != nil {
		return nil, err
	}
	m.clouds = append(m.clouds, connection{asked.Cloud, asked.Args, stack.Assemble(cloud)})
	return m.clouds[len(m.clouds)-1].cloud, nil
}

// connection is a cloud that was opened with these arguments.
type connection struct {
	name  string
	args  map[string]string
	cloud *providers.Cloud
}

func cloudDiagnostic(err error) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Summary: "The cloud cannot be used", Detail: err.Error()}
	switch {
	case providers.IsKind(err, providers.KindDenied):
		d.Hint = "Check the credentials: the clouds.yaml entry that `provider \"openstack\" { cloud = ... }` or OS_CLOUD names, or the OS_* variables. " +
			"Where they were good before, the user, the project or the application credential was disabled or deleted."
	case providers.IsKind(err, providers.KindTransient):
		d.Hint = "Nothing was changed. Check the network and the auth URL, then run the command again."
	default:
		d.Hint = "Nothing was changed. Name the cloud in `provider \"openstack\" { cloud = ... }` or OS_CLOUD; clouds.yaml is looked for in the current directory, ~/.config/openstack and /etc/openstack, or where OS_CLIENT_CONFIG_FILE says."
	}
	return d
}

func stateDiagnostic(err error, address string) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Summary: "The state cannot be used", Detail: err.Error()}
	if address != "" {
		d.Detail = address + ": " + d.Detail
	}
	var locked *state.LockedError
	switch {
	case errors.As(err, &locked):
		d.Summary, d.Detail = "The state is locked", locked.Error()+"."
		d.Hint = "Wait for that run, or give -lock-timeout. A holder that has died loses the lock by itself; `trovectl unlock` tells who holds it."
	case errors.Is(err, state.ErrMissing):
		d.Summary = "There is no state"
		d.Hint = "The first apply makes it. If there was one, restore it from its backup, or say where it is: TROVE_STATE, or -chdir to its directory. Where it is lost for good, `trovectl state rebuild` makes it anew from the marks."
	case errors.Is(err, state.ErrNewer):
		d.Hint = "Use the trovectl that wrote it, or a newer one."
	case errors.Is(err, state.ErrCorrupt) && strings.HasPrefix(address, "swift:"):
		d.Hint = "Nothing was changed. Do not apply with an empty state: the databases are still there. The commits and snapshots below the key hold its history."
	case errors.Is(err, state.ErrCorrupt):
		d.Hint = "Nothing was changed. Restore the file from its backup; do not apply with an empty state: the databases are still there."
	case errors.Is(err, state.ErrReadOnly) && strings.HasPrefix(address, "swift:"):
		d.Hint = "Nothing was changed. Ask for the right to write to the container (a role such as member in its project, or a container ACL)."
	case providers.IsKind(err, providers.KindDenied) || providers.IsKind(err, providers.KindInvalid):
		d.Hint = cloudDiagnostic(err).Hint
	case errors.Is(err, state.ErrReadOnly):
		d.Hint = "Nothing was changed. Make the file and its directory writable for this user."
	}
	return d
}

// haste shortens waits for tests that let everything fail; 0: as long as always.
type haste struct {
	request time.Duration // of one request to the cloud
	lease   time.Duration // of a lock in a shared state
}

func newIDs() *state.IDs { return state.NewIDs(rand.Reader) }

// wallClock is the real time.
type wallClock = middleware.SystemClock

var _ executor.Clock = wallClock{}

// holder says who we are, for the lock.
func (m *Meta) holder(operation string) state.Holder {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		who += "@" + host
	}
	pipeline := m.env["CI_JOB_URL"]
	if pipeline == "" && m.env["GITHUB_RUN_ID"] != "" {
		pipeline = m.env["GITHUB_SERVER_URL"] + "/" + m.env["GITHUB_REPOSITORY"] + "/actions/runs/" + m.env["GITHUB_RUN_ID"]
	}
	return state.Holder{
		ID: string(newIDs().Intent()), Operation: operation, Who: who, PID: os.Getpid(), Pipeline: pipeline, Since: time.Now().UTC(),
	}
}

// executable finds a binary of ours: beside this one, or on PATH.
func executable(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not beside %s: build both with `make build`", name, self)
	}
	return path, nil
}
