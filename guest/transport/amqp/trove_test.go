package amqp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// A bookkeeper is an agent that notes what it is asked to change, and has a little to show.
type bookkeeper struct {
	transporttest.Recorder
	mu    sync.Mutex
	asked []string // method and body
}

func newBookkeeper() *bookkeeper {
	b := &bookkeeper{}
	b.Do = func(_ context.Context, r guest.Request) (any, error) {
		if r.Method == guest.MethodInspect {
			all := []guest.Grant{{Database: "shop", Privileges: []string{"ALL PRIVILEGES"}}}
			return guest.Inspection{
				Databases: []guest.ObservedDatabase{
					{Database: guest.Database{Name: "billing", Charset: "utf8mb4", Collation: "utf8mb4_bin"}},
					{Database: guest.Database{Name: "shop", Charset: "latin1", Collation: "latin1_bin"}},
				},
				Users:  []guest.ObservedUser{{Name: "ann", Host: "%", Grants: all}, {Name: "bob", Host: "10.0.0.1"}},
				Volume: &guest.ObservedVolume{SizeGiB: 2, UsedBytes: 1 << 30, FreeBytes: 1 << 29},
				Root:   &guest.ObservedRoot{Enabled: true},
			}, nil
		}
		if r.Method == guest.MethodDropDatabase && strings.Contains(string(r.Body), "in_use") {
			return nil, guest.Errorf(guest.KindEngine, "it is in use")
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = append(b.asked, string(r.Method)+" "+string(r.Body))
		return guest.Done{}, nil
	}
	return b
}

// take returns what was asked since the last time.
func (b *bookkeeper) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.asked
	b.asked = nil
	return out
}

// serveTrove starts an agent in mode trove.
func serveTrove(t *testing.T) (*member, *bookkeeper) {
	t.Helper()
	m := newWorld(t, amqptest.Shared(t)).troveMember(t, "11111111-2222-3333-4444-555555555555")
	agent := newBookkeeper()
	s := m.service(t)
	s.Verifier = func(password string) (string, error) {
		if password == "bad" {
			return "", errors.New("bad is a bad password")
		}
		return "*" + strings.ToUpper(password), nil
	}
	m.serve(t, s, agent)
	return m, agent
}

// troveClient is an oslo.messaging client with the instance's key.
func (m *member) troveClient(t *testing.T, key string) *oslo.Client {
	t.Helper()
	client := &oslo.Client{
		Dial:     func(ctx context.Context) (*oslo.Link, error) { return open(ctx, m.admin(), t.Name(), eventually) },
		Exchange: exchangeRequests, Secure: oslo.NewSecure(key),
	}
	t.Cleanup(client.Close)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTrovesMethods(t *testing.T) {
	m, agent := serveTrove(t)
	client := m.troveClient(t, troveKey)
	const (
		billing = `{"_name":"billing","_character_set":"utf8mb4","_collate":"utf8mb4_bin"}`
		shop    = `{"_name":"shop","_character_set":"latin1","_collate":"latin1_bin"}`
		ann     = `{"_name":"ann","_host":"%","_password":null,"_databases":[{"_name":"shop","_character_set":null,"_collate":null}],"_is_root":false}`
		bob     = `{"_name":"bob","_host":"10.0.0.1","_password":null,"_databases":[],"_is_root":false}`
	)
	for _, c := range []struct {
		method, args string
		want         string
		asked        []string
		failure      string
	}{
		{"rpc_ping", `{}`, `true`, nil, ""},
		{"get_filesystem_stats", `{"fs_path":null}`, `{"block_size":4096,"free":536870912,"free_blocks":131072,"total":1.5,"total_blocks":393216,"used":1}`, nil, ""},
		{"list_databases", `{"limit":null,"marker":null,"include_marker":false}`, `[[` + billing + `,` + shop + `],null]`, nil, ""},
		{"list_databases", `{"limit":1}`, `[[` + billing + `],"billing"]`, nil, ""},
		{"list_databases", `{"marker":"billing"}`, `[[` + shop + `],null]`, nil, ""},
		{"list_databases", `{"marker":"billing","include_marker":true,"limit":1}`, `[[` + billing + `],"billing"]`, nil, ""},
		{"list_databases", `{"limit":"many"}`, "", nil, "the argument limit is of another type"},
		{"list_users", `{}`, `[[` + ann + `,` + bob + `],null]`, nil, ""},
		{"get_user", `{"username":"bob","hostname":"10.0.0.1"}`, bob, nil, ""},
		{"get_user", `{"username":"ann","hostname":null}`, ann, nil, ""},
		{"get_user", `{"username":"bob","hostname":null}`, `null`, nil, ""},
		{"is_root_enabled", `{}`, `true`, nil, ""},
		{"create_database", `{"databases":[{"_name":"a","_character_set":"utf8mb4","_collate":null},{"_name":"b"}]}`, `null`, []string{
			`put_database {"database":{"name":"a","charset":"utf8mb4"}}`, `put_database {"database":{"name":"b"}}`,
		}, ""},
		{"create_database", `{"databases":"a"}`, "", nil, "the argument databases is missing"},
		{"create_database", `{}`, "", nil, "the argument databases is missing"},
		{"delete_database", `{"database":{"_name":"shop"}}`, `null`, []string{`drop_database {"name":"shop"}`}, ""},
		{"delete_database", `{"database":{"_name":"in_use"}}`, "", nil, "it is in use"},
		{"create_user", `{"users":[{"_name":"cy","_password":"pw","_host":null,"_databases":[{"_name":"shop"}]}]}`, `null`, []string{
			`put_user {"name":"cy","host":"%","verifier":"*PW","grants":[{"database":"shop","privileges":["ALL PRIVILEGES"]}],"authoritative":false}`,
		}, ""},
		{"create_user", `{"users":[{"_name":"cy","_password":"bad"}]}`, "", nil, `the password of the user "cy" cannot be used`},
		{"create_user", `{"users":[{"_name":"cy"}]}`, "", nil, `cannot be used`},
		{"delete_user", `{"user":{"_name":"ann","_host":"%"}}`, `null`, []string{`drop_user {"name":"ann","host":"%"}`}, ""},
		{"change_passwords", `{"users":[{"name":"ann","password":"new","host":"10.0.0.1"}]}`, `null`, []string{
			`put_user {"name":"ann","host":"10.0.0.1","verifier":"*NEW","grants":[],"authoritative":false}`,
		}, ""},
		{"enable_root_with_password", `{"root_password":"s"}`, `{"_name":"root","_host":"%","_password":"s","_databases":[],"_is_root":true}`,
			[]string{`put_root {"enabled":true,"verifier":"*S"}`}, ""},
		{"disable_root", `{}`, `null`, []string{`put_root {"enabled":false}`}, ""},
		{"restart", `{}`, `null`, []string{`restart {}`}, ""},
		{"get_hwinfo", `{}`, "", nil, "NoSuchMethod"},
	} {
		t.Run(c.method+c.args, func(t *testing.T) {
			var args map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.args), &args); err != nil {
				t.Fatal(err)
			}
			got, err := client.Call(t.Context(), oslo.Request{Topic: queueRequests + m.id, Method: c.method, Args: args, Version: "1.0"})
			var failure *oslo.Failure
			switch {
			case c.failure != "" && (!errors.As(err, &failure) || !strings.Contains(failure.Error(), c.failure)):
				t.Errorf("error is %v, want %q", err, c.failure)
			case c.failure == "" && (err != nil || string(got) != c.want):
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
			if diff := cmp.Diff(c.asked, agent.take()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrovesClientsWithoutVerifiers(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).troveMember(t, "m")
	m.serve(t, m.service(t), newBookkeeper())
	users := json.RawMessage(`[{"_name":"ann","_password":"secret"}]`)
	_, err := m.troveClient(t, troveKey).Call(t.Context(), oslo.Request{
		Topic: queueRequests + m.id, Method: "create_user", Args: map[string]json.RawMessage{"users": users},
	})
	if err == nil || !strings.Contains(err.Error(), "takes no passwords") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// stockPrograms is the folder with Trove's own clients and agent, which TROVE_OSLO names, or one beside this repository.
// Without it our agent is judged by Trove's vectors and methods alone.
func stockPrograms(t *testing.T) string {
	t.Helper()
	dir, named := os.LookupEnv("TROVE_OSLO")
	if !named {
		dir = filepath.FromSlash("../../../../shared/oslo")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range []string{filepath.Join(dir, "stock-agent"), "/usr/bin/trove-guestagent"} {
		_, err := os.Stat(need)
		if err != nil && named {
			t.Fatalf("%v; on Debian: apt-get install --no-install-recommends python3-trove trove-guestagent, without their daemons", err)
		}
		if err != nil {
			t.Logf("Trove's own programs judge nothing here: %v", err)
			return ""
		}
	}
	return dir
}

// TestTrovesOwnClient drives Trove's guestagent.api.API, as its services do, against our agent.
func TestTrovesOwnClient(t *testing.T) {
	t.Parallel()
	programs := stockPrograms(t)
	if programs == "" {
		return
	}
	m, agent := serveTrove(t)
	call := func(t *testing.T, key, method, kwargs string) (answer struct {
		OK     bool
		Result any
		Exc    string
		Str    string
	}) {
		t.Helper()
		cmd := exec.Command("/usr/bin/python3", filepath.Join(programs, "trove_api_client.py"),
			m.world.broker.StockURL(m.vhost), exchangeRequests, m.id, key, method, kwargs)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		t.Logf("%s(%s) -> %s", method, kwargs, bytes.TrimSpace(out))
		return answer
	}
	if got := call(t, troveKey, "rpc_ping", "{}"); !got.OK || got.Result != true {
		t.Errorf("rpc_ping: %+v", got)
	}
	if got := call(t, troveKey, "get_volume_info", "{}"); !got.OK || got.Result.(map[string]any)["total"] != 1.5 {
		t.Errorf("get_volume_info: %+v", got)
	}
	if got := call(t, troveKey, "create_database", `{"databases":[{"_name":"shop"}]}`); !got.OK {
		t.Errorf("create_database: %+v", got)
	}
	var asked []string
	await(t, func() bool { // it is a cast
		asked = append(asked, agent.take()...)
		return len(asked) > 0
	})
	if asked[0] != `put_database {"database":{"name":"shop"}}` {
		t.Errorf("asked %q", asked)
	}
	if got := call(t, "AnotherKeyOf32CharactersIsThis00", "rpc_ping", "{}"); got.OK || !strings.Contains(got.Str, "not encrypted with this key") {
		t.Errorf("another key: %+v", got)
	}
}

// TestTrovesOwnAgent calls the agent of Trove 18, unmodified, with its instance's key.
func TestTrovesOwnAgent(t *testing.T) {
	t.Parallel()
	programs := stockPrograms(t)
	if programs == "" {
		return
	}
	broker := amqptest.Shared(t) // the agent uses the vhost and the user of a broker as it is installed
	broker.AddUser(t, "guest", "guest")
	broker.Grant(t, "/", "guest", amqptest.Everything)
	w := &world{broker: broker, vhost: "/"}
	m := &member{world: w, id: "stock-" + strings.ToLower(rand.Text())}
	where, err := url.Parse(broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) {
		cmd := exec.Command(filepath.Join(programs, "stock-agent"), args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("stock-agent %v: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() { run("down", dir) })
	run("up", dir, where.Host, m.id, troveKey)
	m.awaitConsumers(t, 1)
	client := m.troveClient(t, troveKey)
	call := func(method string, args map[string]json.RawMessage) (json.RawMessage, error) {
		got, err := client.Call(t.Context(), oslo.Request{Topic: queueRequests + m.id, Method: method, Args: args, Version: "1.0"})
		t.Logf("%s -> %s, %v", method, got, err)
		return got, err
	}
	if got, err := call("rpc_ping", nil); err != nil || string(got) != "true" {
		t.Errorf("rpc_ping: %s, %v", got, err)
	}
	got, err := call("get_filesystem_stats", map[string]json.RawMessage{"fs_path": json.RawMessage("null")})
	var stats map[string]float64
	if err != nil || json.Unmarshal(got, &stats) != nil || stats["total_blocks"] == 0 {
		t.Errorf("get_filesystem_stats: %s, %v", got, err)
	}
	var failure *oslo.Failure
	if _, err := call("get_hwinfo", nil); !errors.As(err, &failure) || failure.Class != "NoSuchMethod" {
		t.Errorf("get_hwinfo: %v", err)
	}
}
