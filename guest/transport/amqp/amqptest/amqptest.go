// Package amqptest starts private RabbitMQ brokers for tests: on loopback, in a directory of their own, gone with the test
// process however that ends.
package amqptest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// The administrator of every broker.
const (
	AdminUser     = "admin"
	AdminPassword = "admin-of-a-test"
)

// startLimit is how long a broker may take to start. On an idle machine it takes four seconds.
const startLimit = 4 * time.Minute

// A Broker is one RabbitMQ: AMQP, AMQP over TLS with logins by certificate (EXTERNAL), and the management API.
type Broker struct {
	dir    string
	ports  ports
	tls    *authority
	keeper *keeper // of the node that runs; nil: none does
	mu     sync.Mutex
}

// Start starts a broker that ends with the test. Most tests share one: see Shared.
func Start(t testing.TB) *Broker {
	t.Helper()
	b, err := start()
	if err != nil {
		t.Fatalf("starting RabbitMQ: %v", err)
	}
	t.Cleanup(b.remove)
	return b
}

// Open starts a broker outside of a test. The caller closes it.
func Open() (*Broker, error) { return start() }

// Close ends the broker and deletes its directory.
func (b *Broker) Close() { b.remove() }

var shared = sync.OnceValues(start)

// Shared is the broker of this test process. Its tests stay apart by vhosts of their own (VHost), and none stops it.
func Shared(t testing.TB) *Broker {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatalf("starting RabbitMQ: %v", err)
	}
	return b
}

// URL is the address of AMQP, without credentials.
func (b *Broker) URL() string { return fmt.Sprintf("amqp://127.0.0.1:%d", b.ports.amqp) }

// TLSURL is the address of AMQP over TLS; the certificate is for localhost and 127.0.0.1.
func (b *Broker) TLSURL() string { return fmt.Sprintf("amqps://localhost:%d", b.ports.tls) }

// ManagementURL is the address of the management API.
func (b *Broker) ManagementURL() string {
	return fmt.Sprintf("http://127.0.0.1:%d", b.ports.management)
}

// Kill ends the broker as SIGKILL does. Kill twice is harmless.
func (b *Broker) Kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keeper.kill()
	b.keeper = nil
}

// Restart kills the broker when it runs and starts it again at the same addresses; it returns when it answers.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.Kill()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.run(); err != nil {
		t.Fatalf("starting RabbitMQ again: %v", err)
	}
}

// Ctl runs rabbitmqctl on the broker and returns what it prints.
func (b *Broker) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(sbin(), "rabbitmqctl"), append([]string{"-q"}, args...)...)
	cmd.Env = b.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start makes a broker. A port that was free may be taken a moment later, so it tries more than once.
func start() (*Broker, error) {
	if sbin() == "" {
		return nil, errors.New("no RabbitMQ is installed; on Debian: apt-get install --no-install-recommends rabbitmq-server")
	}
	var failures error
	for range 3 {
		b, err := newBroker()
		if err != nil {
			return nil, err
		}
		if err = b.run(); err == nil {
			return b, nil
		}
		b.remove()
		failures = errors.Join(failures, err)
	}
	return nil, failures
}

func newBroker() (*Broker, error) {
	dir, err := os.MkdirTemp("", "trovectl-rabbitmq-")
	if err != nil {
		return nil, err
	}
	b := &Broker{dir: dir}
	if b.ports, err = freePorts(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if b.tls, err = newAuthority(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.writeConfig(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

// remove ends the broker and deletes its directory.
func (b *Broker) remove() {
	b.Kill()
	_ = os.RemoveAll(b.dir) // a rest in the directory for temporary files harms nobody
}

func (b *Broker) writeConfig() error {
	config := fmt.Sprintf(`listeners.tcp.1 = 127.0.0.1:%d
listeners.ssl.1 = 127.0.0.1:%d
ssl_options.cacertfile = %[4]s/ca.pem
ssl_options.certfile = %[4]s/server.pem
ssl_options.keyfile = %[4]s/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_mechanisms.3 = EXTERNAL
management.tcp.ip = 127.0.0.1
management.tcp.port = %[3]d
default_user = %[5]s
default_pass = %[6]s
disk_free_limit.absolute = 1MB
`, b.ports.amqp, b.ports.tls, b.ports.management, b.dir, AdminUser, AdminPassword)
	return errors.Join(
		os.WriteFile(filepath.Join(b.dir, "rabbitmq.conf"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(b.dir, "enabled_plugins"), []byte("[rabbitmq_management,rabbitmq_auth_mechanism_ssl].\n"), 0o600),
		// Erlang makes its own from a clock and a pid when there is none, and starts slower.
		os.WriteFile(filepath.Join(b.dir, ".erlang.cookie"), []byte(rand.Text()), 0o400),
		os.Mkdir(filepath.Join(b.dir, "log"), 0o700),
	)
}

// environment is that of the node and of its tools.
func (b *Broker) environment() []string {
	return append(os.Environ(),
		"HOME="+b.dir,
		fmt.Sprint("ERL_EPMD_PORT=", b.ports.epmd),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=trovetest@localhost",
		"RABBITMQ_USE_LONGNAME=false",
		fmt.Sprint("RABBITMQ_DIST_PORT=", b.ports.dist),
		// Loopback alone; and no busy waiting, the machine has other things to do.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
		"RABBITMQ_MNESIA_BASE="+filepath.Join(b.dir, "mnesia"),
		"RABBITMQ_LOG_BASE="+filepath.Join(b.dir, "log"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(b.dir, "rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(b.dir, "enabled_plugins"),
		"RABBITMQ_PID_FILE="+filepath.Join(b.dir, "pid"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
	)
}

// run starts the node and waits until it answers. The caller holds mu, or is the only one.
func (b *Broker) run() (err error) {
	if b.keeper, err = keep(b.dir, b.environment()); err != nil {
		return err
	}
	var last error
	for begun := time.Now(); time.Since(begun) < startLimit; time.Sleep(pollPause) {
		if b.keeper.nodeEnded() {
			last = errors.New("it ended by itself")
			break
		}
		if last = b.answers(); last == nil {
			return nil
		}
	}
	said := b.lastWords()
	b.keeper.kill()
	b.keeper = nil
	return fmt.Errorf("the node does not answer: %w\n%s", last, said)
}

const pollPause = 100 * time.Millisecond

func (b *Broker) answers() error {
	url := fmt.Sprintf("amqp://%s:%s@127.0.0.1:%d/", AdminUser, AdminPassword, b.ports.amqp)
	conn, err := amqp091.Dial(url)
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	return b.request("GET", "/api/vhosts", nil)
}

// lastWords is the end of what the node wrote.
func (b *Broker) lastWords() string {
	const most = 3000
	text, err := os.ReadFile(filepath.Join(b.dir, "log", "console"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// sbin is where Debian puts RabbitMQ's own scripts: those on PATH change to another user. Empty: there is none.
func sbin() string {
	found, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin")
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

type ports struct{ amqp, tls, management, epmd, dist int }

// freePorts finds five ports that nobody listens at.
func freePorts() (ports, error) {
	var found [5]int
	for i := range found {
		listener, err := listenLow()
		if err != nil {
			return ports{}, err
		}
		defer listener.Close() //nolint:errcheck // nothing was sent on it
		found[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports{found[0], found[1], found[2], found[3], found[4]}, nil
}
