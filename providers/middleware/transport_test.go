package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
)

// script is a network that answers each request with its next line.
type script struct {
	mu     sync.Mutex
	lines  []line
	bodies []string
	times  []time.Time
}

type line struct {
	status int
	header string // "Retry-After: 3"
	err    error
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	if req.Body != nil {
		read, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		text = string(read)
	}
	s.bodies = append(s.bodies, text)
	s.times = append(s.times, time.Now())
	l := s.lines[min(len(s.bodies), len(s.lines))-1]
	if l.err != nil {
		return nil, l.err
	}
	resp := &http.Response{StatusCode: l.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("reply")), Request: req}
	if name, value, is := strings.Cut(l.header, ": "); is {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

func request(t *testing.T, method, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://cloud.invalid/compute/v2.1/servers/6f70656e-7374-6163-6b2d-736572766572", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

var (
	errReset   = &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	errRefused = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
)

func TestRetryOnlyWhatCanDoNoHarm(t *testing.T) {
	for _, c := range []struct {
		name   string
		method string
		first  line
		sent   int
	}{
		{"GET after 500", "GET", line{status: 500}, 2},
		{"GET after 503", "GET", line{status: 503}, 2},
		{"GET after 429", "GET", line{status: 429}, 2},
		{"GET after a reset", "GET", line{err: errReset}, 2},
		{"GET after 404", "GET", line{status: 404}, 1},
		{"GET after 501", "GET", line{status: 501}, 1},
		{"PUT after 502", "PUT", line{status: 502}, 2},
		{"DELETE after a reset", "DELETE", line{err: errReset}, 2},
		{"DELETE after 409", "DELETE", line{status: 409}, 1},
		{"POST after 500", "POST", line{status: 500}, 1},
		{"POST after 502", "POST", line{status: 502}, 1},
		{"POST after 503", "POST", line{status: 503}, 1},
		{"POST after 503 that says when", "POST", line{status: 503, header: "Retry-After: 1"}, 2},
		{"POST after 429", "POST", line{status: 429}, 2},
		{"POST after a reset", "POST", line{err: errReset}, 1},
		{"POST after a refused connection", "POST", line{err: errRefused}, 2},
		{"PATCH after 500", "PATCH", line{status: 500}, 1},
		{"PATCH after a reset", "PATCH", line{err: errReset}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := &script{lines: []line{c.first, {status: 200}}}
				resp, err := middleware.New(middleware.Options{}).Transport(net).RoundTrip(request(t, c.method, "body"))
				if len(net.bodies) != c.sent {
					t.Errorf("sent %d times, want %d", len(net.bodies), c.sent)
				}
				for _, body := range net.bodies {
					if body != "body" {
						t.Errorf("sent body %q", body)
					}
				}
				if c.sent == 2 && (err != nil || resp.StatusCode != 200) {
					t.Errorf("got %v, %v", resp, err)
				}
				if c.sent == 1 && !errors.Is(err, c.first.err) {
					t.Errorf("got error %v, want %v as it came", err, c.first.err)
				}
				if resp != nil {
					_ = resp.Body.Close()
				}
			})
		})
	}
}

func TestRetryPauses(t *testing.T) {
	middling := middleware.Options{Rand: func() float64 { return 0.5 }}
	for _, c := range []struct {
		name  string
		lines []line
		want  []time.Duration // between the attempts
	}{
		{"doubling with jitter", []line{{status: 500}}, []time.Duration{375 * time.Millisecond, 750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second}},
		{"seconds", []line{{status: 503, header: "Retry-After: 7"}, {status: 200}}, []time.Duration{7 * time.Second}},
		{"a date", []line{{status: 503, header: "Retry-After: Sat, 01 Jan 2000 00:00:20 GMT"}, {status: 200}}, []time.Duration{20 * time.Second}},
		{"a date that is past", []line{{status: 503, header: "Retry-After: Sat, 01 Jan 1999 00:00:20 GMT"}, {status: 200}}, []time.Duration{375 * time.Millisecond}},
		{"nonsense", []line{{status: 503, header: "Retry-After: soon"}, {status: 200}}, []time.Duration{375 * time.Millisecond}},
		{"later than we wait", []line{{status: 503, header: "Retry-After: 3600"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // its clock begins at 2000-01-01T00:00:00Z
				net := &script{lines: c.lines}
				resp, err := middleware.New(middling).Transport(net).RoundTrip(request(t, "GET", ""))
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				var got []time.Duration
				for i := 1; i < len(net.times); i++ {
					got = append(got, net.times[i].Sub(net.times[i-1]))
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("pauses (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		net := &script{lines: []line{{status: 500}}}
		_, err := middleware.New(middleware.Options{}).Transport(net).RoundTrip(request(t, "GET", "").WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || len(net.bodies) != 1 {
			t.Errorf("got %v after %d requests", err, len(net.bodies))
		}
	})
}

// slow is a network whose requests take a second each.
type slow struct{ now, most atomic.Int32 }

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	time.Sleep(time.Second)
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func TestLimitIsPerService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &slow{}
		transport := middleware.Limit(net, middleware.LimitOptions{Most: 3})
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range 12 {
			service := []string{"compute", "volume"}[i%2]
			wg.Go(func() {
				ctx := providers.WithCall(t.Context(), providers.Call{Service: service})
				resp, err := transport.RoundTrip(request(t, "GET", "").WithContext(ctx))
				if err != nil {
					t.Errorf("%v", err)
					return
				}
				_ = resp.Body.Close()
				_ = resp.Body.Close() // a second close gives no second seat
			})
		}
		wg.Wait()
		if net.most.Load() != 6 || time.Since(begun) != 2*time.Second {
			t.Errorf("at most %d at once, %v in all, want 6 and 2s", net.most.Load(), time.Since(begun))
		}
	})
}

func TestLimitLetsGoOfWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := middleware.Limit(&script{lines: []line{{status: 200}}}, middleware.LimitOptions{Most: 1})
		resp, err := transport.RoundTrip(request(t, "GET", ""))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := transport.RoundTrip(request(t, "GET", "").WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while the only seat is taken", err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil { // reading to the end gives the seat back
			t.Fatal(err)
		}
		if _, err := transport.RoundTrip(request(t, "GET", "")); err != nil {
			t.Errorf("got %v with a free seat", err)
		}
	})
}

func TestLogTellsNoSecrets(t *testing.T) {
	var out bytes.Buffer
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &out})
	stack := middleware.New(middleware.Options{Log: log})
	req := request(t, "POST", "user-data-with-a-secret")
	req.Header.Set("X-Auth-Token", "the-token")
	req.URL.RawQuery = "marker=the-query"
	ctx := providers.WithCall(req.Context(), providers.Call{Service: "compute", Name: "create server"})
	resp, err := stack.Transport(&script{lines: []line{{status: 202}}}).RoundTrip(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, want := range []string{"create server", "/compute/v2.1/servers/{id}", "status=202", "method=POST"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q: %s", want, out.String())
		}
	}
	for _, secret := range []string{"user-data", "the-token", "the-query", "6f70656e"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, out.String())
		}
	}
	if diff := cmp.Diff(map[string]int{"compute": 1}, stack.Requests()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}
