package redis

import (
	"bufio"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// A session is one administrative connection over the unix socket, as the agent's own account.
type session struct{ client *redis.Client }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// The driver writes to the standard error what it also returns.
func init() { redis.SetLogger(silent{}) }

// session opens the administrative connection. A server that is down is KindConflict.
func (e *Engine) session(ctx context.Context) (*session, error) {
	if _, err := os.Stat(e.paths.mark); err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	s, err := e.connect(ctx)
	if err == nil {
		return s, nil
	}
	if !e.running() {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	return nil, fault("connecting to the running engine", err)
}

func (e *Engine) connect(ctx context.Context) (*session, error) {
	password, err := e.readPassword()
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{
		Network: "unix", Addr: e.paths.socket, Dialer: native.Dial, Username: agentAccount, Password: password,
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1, DialTimeout: 10 * time.Second, DialerRetries: 1,
		// BGSAVE and ACL SAVE answer when the disk does.
		ReadTimeout: time.Minute, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	s := &session{client: client}
	// Short of memory the server ends the connections of others first (maxmemory_clients). PING would not do: it is refused
	// while writing to the disk fails.
	if err := s.do(ctx, "CLIENT", "NO-EVICT", "ON"); err != nil {
		s.Close()
		return nil, e.whyClosed(ctx, err)
	}
	return s, nil
}

// errNoRoom is what the server says to one client too many.
var errNoRoom = errors.New("max number of clients reached")

// whyClosed tells a server that closes new connections at once from one that fails: it says why before anybody asks, and
// the driver does not listen then.
func (e *Engine) whyClosed(ctx context.Context, err error) error {
	if _, answered := errors.AsType[redis.Error](err); answered {
		return err
	}
	conn, failed := native.Dial(ctx, "unix", e.paths.socket)
	if failed != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.Contains(line, errNoRoom.Error()) {
		return errNoRoom
	}
	return err
}

// Close ends the connection.
func (s *session) Close() { _ = s.client.Close() }

// do runs a command whose reply is of no interest. Arguments travel as they are: nothing in them is ever read as another.
func (s *session) do(ctx context.Context, command ...any) error {
	return s.client.Do(ctx, command...).Err()
}

// together runs commands with no other client's in between, and returns the first error. The server undoes none of them.
func (s *session) together(ctx context.Context, commands ...[]any) error {
	replies, _ := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, command := range commands {
			p.Do(ctx, command...)
		}
		return nil
	})
	for _, reply := range replies {
		if err := reply.Err(); err != nil {
			return err
		}
	}
	return nil
}

// info reads sections of INFO, as one map.
func (s *session) info(ctx context.Context, sections ...string) (map[string]string, error) {
	out := map[string]string{}
	reply, err := s.client.InfoMap(ctx, sections...).Result()
	if err != nil {
		return nil, err
	}
	for _, section := range reply {
		for name, value := range section {
			out[name] = value
		}
	}
	return out, nil
}

var digests = regexp.MustCompile(`[0-9a-f]{64}`)

// said is the text of an error without what must stay here: the server quotes what it refuses, and that may be a verifier.
func said(err error) string {
	return strings.TrimPrefix(digests.ReplaceAllString(err.Error(), "(sensitive)"), "ERR ")
}

// fault turns what the server or the driver said into a guest's error.
func fault(doing string, err error) error {
	if known, ok := errors.AsType[*guest.Error](err); ok {
		return known
	}
	return guest.Errorf(guest.KindEngine, "%s: %s", doing, said(err))
}
