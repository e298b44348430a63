package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// asValkey makes the Redis of the machine the server of the manager valkey: Debian has no Valkey, which began as Redis 7.2.
func asValkey(h engine.Host) (*Engine, error) {
	e, err := New(h)
	if err != nil {
		return nil, err
	}
	v := newEngine(h, valkeyProduct, e.process.Binary, e.version)
	v.series = "7.2"
	return v, nil
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run(Name, func(t *testing.T) { contract(t, New, "7.0") })
	t.Run(Valkey, func(t *testing.T) { contract(t, asValkey, "7.0") })
}

func contract(t *testing.T, open func(engine.Host) (*Engine, error), version string) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := newServer(t, open, enginetest.NewHost(t, 0))
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return newServer(t, open, e.host) }, Crash: func() { kill(t, e) },
			Catalog: e.catalog, Version: version, Facts: facts(), Host: e.host,
			Connect: e.login, ByHand: e.byHand,
		}
	})
}

func facts() enginetest.Facts {
	return enginetest.Facts{
		BadUsers: []guest.PutUser{
			{Name: ""}, {Name: "a b"}, {Name: "a\x00b"}, {Name: "app", Host: "%"}, {Name: "app", Verifier: "plain"},
			{Name: "app", Rights: guest.Rights{ACL: []string{"+config"}}}, {Name: "app", Rights: guest.Rights{ACL: []string{"nopass"}}},
			{Name: "app", Rights: guest.Rights{ACL: []string{">hunter2"}}}, {Name: "app", Rights: guest.Rights{ACL: []string{"+@nonsense"}}},
			{Name: "app", Rights: guest.Rights{ACL: []string{"+nosuchcommand"}}}, {Name: "app", Rights: guest.Rights{Roles: []string{"r"}}},
			{Name: "app", Grants: []guest.Grant{{Database: "0", Privileges: []string{"ALL"}}}},
		},
		Dynamic: enginetest.Knob{Name: "maxclients", Default: "10000", One: "201", OneIs: "201", Two: "300", TwoIs: "300"},
		Second: enginetest.Knob{
			Name: "client_query_buffer_limit", Default: "1073741824", One: "32mb", OneIs: "33554432", Two: "64MB", TwoIs: "67108864",
		},
		Static: enginetest.Knob{Name: "databases", Default: "16", One: "32", OneIs: "32", Two: "24", TwoIs: "24"},
		BadSettings: []engine.Settings{
			{"maxclients": "0"}, {"no_such_parameter": "1"}, {"dir": "/"}, {"appendonly": "perhaps"}, {"maxmemory_policy": "none"},
			{"requirepass": "x"}, {"save": "1"}, {"port": "1"},
		},
		// Debian's server was built without.
		Refused: engine.Settings{"activedefrag": "yes"},
		Ping:    "PING", Root: rootAccount,
		Forbidden: []string{"CONFIG GET *", "ACL LIST", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "SAVE"},
		Sabotage:  []string{"ACL DELUSER " + agentAccount, "ACL SETUSER " + agentAccount + " off", "CONFIG SET requirepass x", "FLUSHALL", "RESET"},
		ReadOnly:  []string{"REPLICAOF 127.0.0.1 1"}, Writable: []string{"REPLICAOF NO ONE"},
	}
}

// client is a customer's one connection.
type client struct{ *redis.Client }

func (c client) Exec(ctx context.Context, statement string) error {
	var words []any
	for word := range strings.FieldsSeq(statement) {
		words = append(words, word)
	}
	return c.Do(ctx, words...).Err()
}

func (c client) Close() error {
	if err := c.Client.Close(); !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

// login is an ordinary client over TCP. Where TLS is only offered, it is on the next port.
func (e *Engine) login(ctx context.Context, login enginetest.Login) (enginetest.Client, error) {
	port := e.host.Port
	if required, err := e.TLSRequired(ctx); err != nil {
		return nil, err
	} else if login.TLS != nil && !required {
		port++
	}
	c := client{redis.NewClient(options(e, login, port))}
	if err := c.Do(ctx, "CLIENT", "ID").Err(); err != nil && !strings.HasPrefix(err.Error(), "NOPERM") {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (e *Engine) byHand(ctx context.Context, statement string) error {
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return client{s.client}.Exec(ctx, statement)
}

func newServer(t *testing.T, open func(engine.Host) (*Engine, error), h engine.Host) *Engine {
	t.Helper()
	e, err := open(h)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(e.paths.errors)
			t.Logf("the server's log:\n%s", lastLines(string(text), 20))
		}
	})
	return e
}

// start prepares and starts a server and returns the administrative session beside the engine.
func start(t *testing.T, h engine.Host) (context.Context, *Engine, *session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e := newServer(t, New, h)
	must(t, e.Prepare(ctx, nil))
	must(t, e.Start(ctx))
	s, err := e.session(ctx)
	must(t, err)
	t.Cleanup(s.Close)
	return ctx, e, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, want guest.ErrorKind) {
	t.Helper()
	if known, ok := errors.AsType[*guest.Error](err); !ok || known.Kind != want {
		t.Errorf("got %v, want an error of kind %s", err, want)
	}
}

func kill(t *testing.T, e *Engine) {
	t.Helper()
	pid, ok := e.process.Find()
	if !ok {
		t.Fatal("there is no server to kill")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	for end := time.Now().Add(10 * time.Second); e.running(); {
		if time.Now().After(end) {
			t.Fatalf("process %d outlives its death", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// connect is an ordinary client over TCP, who connects with his first command.
func connect(t *testing.T, e *Engine, name, password string) *redis.Client {
	t.Helper()
	client := redis.NewClient(options(e, enginetest.Login{Name: name, Password: password}, e.host.Port))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func options(e *Engine, login enginetest.Login, port int) *redis.Options {
	return &redis.Options{
		Addr: fmt.Sprintf("%s:%d", e.host.Address, port), Username: login.Name, Password: login.Password, TLSConfig: login.TLS,
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1, DialerRetries: 1,
	}
}
