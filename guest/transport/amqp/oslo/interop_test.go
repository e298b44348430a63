package oslo_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// python is the interpreter that Debian's python3-oslo.messaging is installed for.
const python = "/usr/bin/python3"

// eventually is how long a busy machine may take for what happens by itself.
const eventually = 2 * time.Minute

func dialer(broker *amqptest.Broker, vhost string) func(context.Context) (*oslo.Link, error) {
	return func(ctx context.Context) (*oslo.Link, error) {
		return oslo.Open(ctx, broker.URL(), amqp091.Config{
			Vhost: vhost,
			SASL:  []amqp091.Authentication{&amqp091.PlainAuth{Username: amqptest.AdminUser, Password: amqptest.AdminPassword}},
		})
	}
}

// stockServer starts a python server and waits until it listens.
func stockServer(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(python, append([]string{"testdata/server.py"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting python: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("the python server (it needs python3-oslo.messaging) said %q, %v:\n%s", line, err, said.String())
	}
}

func newClient(t *testing.T, broker *amqptest.Broker, vhost string) *oslo.Client {
	t.Helper()
	client := &oslo.Client{Dial: dialer(broker, vhost), Exchange: "trove"}
	t.Cleanup(client.Close)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// TestOurClientOfAStockServer calls an unmodified oslo.messaging, also with the options that change what it declares.
func TestOurClientOfAStockServer(t *testing.T) {
	broker := amqptest.Shared(t)
	for name, options := range map[string][]string{
		"as it comes":    nil,
		"durable queues": {"amqp_durable_queues=true"},
		"quorum queues":  {"rabbit_quorum_queue=true"},
		"auto delete":    {"amqp_auto_delete=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // python starts slowly
			vhost := broker.VHost(t)
			stockServer(t, append([]string{broker.StockURL(vhost), "guestagent.m", "m", "trove"}, options...)...)
			client := newClient(t, broker, vhost)
			callStockServer(t, client)
		})
	}
}

func callStockServer(t *testing.T, client *oslo.Client) {
	t.Helper()
	for _, c := range []struct {
		name    string
		request oslo.Request
		want    string
		class   string // of the failure
	}{
		{"arguments", oslo.Request{Method: "echo", Args: map[string]json.RawMessage{"s": raw(`"é\u0001"`), "n": raw(`12345678901234567890`)}},
			`{"s": "\u00e9\u0001", "n": 12345678901234567890}`, ""},
		{"one server", oslo.Request{Method: "echo", Server: "m"}, `{}`, ""},
		{"a context", oslo.Request{Method: "context", Context: map[string]json.RawMessage{"user": raw(`"u1"`)}},
			`{"user": "u1", "client_timeout": null}`, ""},
		{"nothing", oslo.Request{Method: "nothing", Version: "1.1"}, `null`, ""},
		{"signs of life", oslo.Request{Method: "sleep", Args: map[string]json.RawMessage{"seconds": raw("3")}, Monitor: 2 * time.Second}, `3`, ""},
		{"an exception", oslo.Request{Method: "fail", Args: map[string]json.RawMessage{"text": raw(`"no"`)}}, "", "ValueError"},
		{"no such method", oslo.Request{Method: "dance"}, "", "NoSuchMethod"},
		{"a private method", oslo.Request{Method: "_dance"}, "", "NoSuchMethod"},
		{"a newer version", oslo.Request{Method: "echo", Version: "1.2"}, "", "UnsupportedVersion"},
		{"another namespace", oslo.Request{Method: "echo", Namespace: "x"}, "", "UnsupportedVersion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), eventually)
			defer cancel()
			c.request.Topic = "guestagent.m"
			got, err := client.Call(ctx, c.request)
			var failure *oslo.Failure
			if errors.As(err, &failure) != (c.class != "") || failure != nil && failure.Class != c.class {
				t.Fatalf("error is %v, want %q", err, c.class)
			}
			if failure == nil && err != nil {
				t.Fatal(err)
			}
			if c.class == "" && normal(t, string(got)) != normal(t, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("a cast", func(t *testing.T) {
		if err := client.Cast(t.Context(), oslo.Request{Topic: "guestagent.m", Method: "echo"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		_, err := client.Call(t.Context(), oslo.Request{Topic: "guestagent.nobody", Method: "echo"})
		if !errors.Is(err, oslo.ErrNoQueue) {
			t.Errorf("error is %v", err)
		}
	})
}

// normal writes JSON in one way, and keeps the digits of numbers.
func normal(t *testing.T, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A stockCall is what the python client reads, and an answer what it prints.
type stockCall struct {
	Target    map[string]any `json:"target"`
	Method    string         `json:"method"`
	Arguments map[string]any `json:"arguments,omitempty"`
	Context   map[string]any `json:"context,omitempty"`
	Timeout   float64        `json:"timeout,omitempty"`
	Monitor   int            `json:"monitor,omitempty"`
	Cast      bool           `json:"cast,omitempty"`
}

type answer struct {
	Result any
	Error  string
	Text   string
	Remote string
}

// stockClient makes the calls in a python client and returns their answers.
func stockClient(t *testing.T, url string, calls []stockCall) []answer {
	t.Helper()
	text, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/client.py", url, "trove", string(text))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the python client (it needs python3-oslo.messaging): %v\n%s", err, said.String())
	}
	var answers []answer
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var a answer
		if err := decoder.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(calls) {
		t.Fatalf("%d answers to %d calls:\n%s", len(answers), len(calls), said.String())
	}
	return answers
}

// TestStockClientOfOurServer: an unmodified oslo.messaging cannot tell our server from its own.
func TestStockClientOfOurServer(t *testing.T) {
	broker := amqptest.Shared(t)
	vhost := broker.VHost(t)
	cast := make(chan oslo.Request, 1)
	server := &oslo.Server{
		Dial: dialer(broker, vhost), Topic: "guestagent.m", Exchange: "trove", Name: "m",
		Endpoints: []oslo.Endpoint{{Version: "1.1", Handle: func(ctx context.Context, r oslo.Request) (json.RawMessage, error) {
			switch r.Method {
			case "echo":
				return json.Marshal(r.Args)
			case "context":
				return json.Marshal(r.Context)
			case "nothing":
				return nil, nil
			case "sleep":
				time.Sleep(busy)
				return raw("3"), nil
			case "fail":
				return nil, errors.New("no")
			case "fail_as_key_error":
				return nil, &oslo.Failure{Class: "KeyError", Module: "builtins", Message: "missing", Args: raw(`["missing"]`)}
			case "fail_as_guest":
				return nil, &oslo.Failure{Class: "GuestError", Module: "trove.common.exception", Message: "disk is full"}
			case "cast":
				cast <- r
				return nil, nil
			}
			return nil, oslo.NoSuchMethod(r.Method)
		}}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	if _, err := server.Link(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic := map[string]any{"topic": "guestagent.m"}
	with := func(key string, value any) map[string]any { return map[string]any{"topic": "guestagent.m", key: value} }
	cases := []struct {
		call stockCall
		want answer
	}{
		{stockCall{Target: topic, Method: "echo", Arguments: map[string]any{"a": 1, "s": "é"}}, answer{Result: map[string]any{"a": 1.0, "s": "é"}}},
		{stockCall{Target: with("server", "m"), Method: "echo"}, answer{Result: map[string]any{}}},
		{stockCall{Target: topic, Method: "context", Context: map[string]any{"user": "u1"}}, answer{Result: map[string]any{"user": "u1"}}},
		{stockCall{Target: topic, Method: "nothing"}, answer{}},
		{stockCall{Target: topic, Method: "sleep", Timeout: 30, Monitor: 2}, answer{Result: 3.0}},
		{stockCall{Target: topic, Method: "sleep", Timeout: 1}, answer{Error: "MessagingTimeout"}},
		{stockCall{Target: topic, Method: "fail"}, answer{Error: "RuntimeError", Text: "no"}},
		{stockCall{Target: topic, Method: "fail_as_key_error"}, answer{Error: "KeyError", Text: "missing"}},
		{stockCall{Target: topic, Method: "fail_as_guest"}, answer{Error: "RemoteError", Text: "disk is full", Remote: "GuestError"}},
		{stockCall{Target: topic, Method: "dance"}, answer{Error: "RemoteError", Remote: "NoSuchMethod"}},
		{stockCall{Target: with("version", "1.1"), Method: "nothing"}, answer{}},
		{stockCall{Target: with("version", "1.2"), Method: "nothing"}, answer{Error: "RemoteError", Remote: "UnsupportedVersion"}},
		{stockCall{Target: with("namespace", "x"), Method: "nothing"}, answer{Error: "RemoteError", Remote: "UnsupportedVersion"}},
		{stockCall{Target: with("fanout", true), Method: "cast", Cast: true, Arguments: map[string]any{"to": "all"}}, answer{}},
	}
	var calls []stockCall
	for _, c := range cases {
		calls = append(calls, c.call)
	}
	for i, got := range stockClient(t, broker.StockURL(vhost), calls) {
		want := cases[i].want
		if !strings.Contains(got.Text, want.Text) {
			t.Errorf("%s: %q lacks %q", calls[i].Method, got.Text, want.Text)
		}
		got.Text, want.Text = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", calls[i], diff)
		}
	}
	select {
	case r := <-cast:
		if r.ID != "" || string(r.Args["to"]) != `"all"` {
			t.Errorf("the cast is %+v", r)
		}
	case <-time.After(eventually):
		t.Error("the cast to all did not arrive")
	}
}

// busy is longer than the interval of signs of life in these tests.
const busy = 3 * time.Second

// TestDuplicates: a second copy of a message has no effect and no answer.
func TestDuplicates(t *testing.T) {
	broker := amqptest.Shared(t)
	vhost := broker.VHost(t)
	came := make(chan string, 4)
	server := &oslo.Server{
		Dial: dialer(broker, vhost), Topic: "t", Exchange: "trove", Name: "s",
		Endpoints: []oslo.Endpoint{{Version: "1.0", Handle: func(_ context.Context, r oslo.Request) (json.RawMessage, error) {
			came <- r.Method
			return nil, nil
		}}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	if _, err := server.Link(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, broker, vhost)
	for _, method := range []string{"first", "copy", "copy"} {
		if err := client.Cast(t.Context(), oslo.Request{Topic: "t", Method: method, Unique: "u"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Cast(t.Context(), oslo.Request{Topic: "t", Method: "last"}); err != nil {
		t.Fatal(err)
	}
	both := []string{<-came, <-came}
	slices.Sort(both)
	if diff := cmp.Diff([]string{"first", "last"}, both); diff != "" {
		t.Errorf("what came (-want +got):\n%s", diff)
	}
}
