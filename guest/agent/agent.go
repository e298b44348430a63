// Package agent serves the requests that reach a guest: it owns the engine and the record of what was done, so that a
// request that comes twice has one effect.
package agent

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Config is what an agent needs from its surroundings. Root, NewEngine and Version are required.
type Config struct {
	Root      string // directory that stands for the guest's "/"
	Version   string // of trove-guestagent, told by ping
	NewEngine func(name string, host engine.Host) (engine.Engine, error)
	Log       hclog.Logger     // nil: silent
	Now       func() time.Time // nil: the system's clock
	// ReloadSSH makes the SSH server read its new host key; best effort. nil: systemctl reload.
	ReloadSSH func(ctx context.Context) error
	// Watch is how often the engine is looked at, and the first pause before a crashed one is started again. 0: 2 s.
	Watch time.Duration
	// MaxLog is the size at which a log begins anew by itself, bytes; one old one is kept. 0: 256 MiB.
	MaxLog int64
	// VolumeWait is how long prepare and resize_volume wait for the device to appear or to grow. 0: 3 min.
	VolumeWait time.Duration
	// Attend serves at the message broker until ctx ends; nil: the agent cannot, and is reached on its sockets alone.
	Attend func(ctx context.Context, post guest.Post, handler guest.Handler) error
}

const (
	defaultWatch      = 2 * time.Second
	defaultVolumeWait = 3 * time.Minute
	defaultMaxLog     = 256 << 20
)

func (c *Config) setDefaults() {
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.ReloadSSH == nil {
		c.ReloadSSH = reloadSSH
	}
	if c.Watch == 0 {
		c.Watch = defaultWatch
	}
	if c.MaxLog == 0 {
		c.MaxLog = defaultMaxLog
	}
	if c.VolumeWait == 0 {
		c.VolumeWait = defaultVolumeWait
	}
}

// An Agent answers requests for one guest. It is a guest.Handler, safe for concurrent use.
type Agent struct {
	config Config
	born   guest.AgentConfig
	paths  paths
	log    hclog.Logger
	alone  *os.File // held while this agent lives, so that there is one

	outcomes *outcomes
	serial   chan struct{} // holds one token: who has it may change the guest

	ctx    context.Context // ends when the agent does; changing methods run under it, not under a connection
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	closed   bool                  // no new work
	gone     bool                  // Close was called
	running  map[string]*operation // changing requests in work, by request id
	identity identity
	engine   engine.Engine // nil until the data volume is there
	wanted   bool          // the engine should run: prepared, and not stopped by the agent
	atBroker string        // state of the connection to the broker; empty: none was tried
	reposted chan struct{} // closed when the logins change; nil: nobody waits
}

// Open reads the agent's configuration and what earlier lives recorded below Root. It starts nothing: Run does. A second
// agent on the same root is refused. The caller closes.
func Open(config Config) (*Agent, error) {
	config.setDefaults()
	paths := newPaths(config.Root)
	born, err := readBorn(paths.config)
	if err != nil {
		return nil, err
	}
	if err := paths.make(); err != nil {
		return nil, err
	}
	lock, err := holdAlone(paths.sockets)
	if err != nil {
		return nil, err
	}
	identity, err := readIdentity(paths.identity, born)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	outcomes, err := openOutcomes(paths.outcomes, config.Now)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a := &Agent{
		config: config, born: born, paths: paths, log: config.Log, alone: lock,
		outcomes: outcomes, serial: make(chan struct{}, 1),
		running: map[string]*operation{}, identity: identity,
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.boot(a.ctx, 0)
	return a, nil
}

// Close ends what is in work, which stays recorded as started and so runs again when it is asked for again. It leaves
// the engine as it is. Close twice is harmless.
func (a *Agent) Close() error {
	a.mu.Lock()
	again := a.gone
	a.closed, a.gone = true, true
	a.mu.Unlock()
	a.cancel()
	a.work.Wait()
	if again {
		return nil
	}
	return errors.Join(a.outcomes.close(), a.alone.Close())
}

// Handle fulfils guest.Handler. A changing method goes on when ctx ends; asking again with the same id joins it.
func (a *Agent) Handle(ctx context.Context, request guest.Request) guest.Reply {
	if err := guest.CheckRequest(request); err != nil {
		return guest.Answer(request.ID, nil, err)
	}
	switch request.Method {
	case guest.MethodPing:
		return guest.Answer(request.ID, a.pong(), nil)
	case guest.MethodInspect, guest.MethodMetrics, guest.MethodReadLog:
		return a.read(ctx, request)
	default:
		return a.change(ctx, request)
	}
}

// readTime bounds a request that reads: an engine that hangs must not hold whoever asks about the fleet.
const readTime = 20 * time.Second

func (a *Agent) read(ctx context.Context, request guest.Request) guest.Reply {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	result, err := reads[request.Method](a, ctx, request.Body)
	return guest.Answer(request.ID, result, err)
}

func (a *Agent) pong() guest.Pong {
	a.mu.Lock()
	defer a.mu.Unlock()
	return guest.Pong{
		Member:       a.born.Member,
		AgentVersion: a.config.Version,
		Engine:       a.born.Engine,
		Generation:   a.identity.Generation,
		Prepared:     a.identity.Prepared,
	}
}

// errStopping tells that the agent ends before the work did.
var errStopping = guest.Errorf(guest.KindUnreachable, "the agent is stopping; ask again")

// lock takes the right to change the guest. It fails only when ctx ends first.
func (a *Agent) lock(ctx context.Context) error {
	select {
	case a.serial <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryLock takes the right to change the guest if nobody has it.
func (a *Agent) tryLock() bool {
	select {
	case a.serial <- struct{}{}:
		return true
	default:
		return false
	}
}

func (a *Agent) unlock() { <-a.serial }

// theEngine returns the engine, or nil when no data volume is there yet, and whether it should run.
func (a *Agent) theEngine() (server engine.Engine, wanted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.engine, a.wanted
}

func (a *Agent) setEngine(server engine.Engine, wanted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.engine, a.wanted = server, wanted
}

func (a *Agent) setIdentity(next identity) error {
	if err := next.write(a.paths.identity); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identity = next
	return nil
}

func (a *Agent) theIdentity() identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.identity
}

// asGuestError keeps an error's kind, or gives it one, and says what was being done.
func asGuestError(kind guest.ErrorKind, doing string, err error) error {
	var known *guest.Error
	if errors.As(err, &known) {
		return guest.Errorf(known.Kind, "%s: %s", doing, known.Message)
	}
	return guest.Errorf(kind, "%s: %v", doing, err)
}
