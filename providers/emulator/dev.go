package emulator

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Summary is what `dev status` shows of a cloud.
type Summary struct {
	Endpoint string          `json:"endpoint"`
	Images   []string        `json:"images"`
	Servers  []ServerSummary `json:"servers"`
	Requests []RequestCount  `json:"requests"`
}

// ServerSummary is one server: Status as Nova tells it, Running whether its machine has live processes.
type ServerSummary struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Status  string `json:"status"`
	Running bool   `json:"running"`
}

// RequestCount says how often an operation was answered since the start. Of the service "guest" are the requests that
// reached simulated guests, by the method of their agent.
type RequestCount struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"` // the template, such as /compute/v2.1/servers/{id}; of a guest: empty
	Count   int    `json:"count"`
}

// Summary tells what the cloud holds and what it was asked since it was opened.
func (s *Server) Summary() Summary {
	out := Summary{Endpoint: s.Endpoint(), Images: []string{}, Servers: []ServerSummary{}}
	s.mu.Lock()
	for _, img := range s.images.all() {
		out.Images = append(out.Images, img.Name)
	}
	for _, sv := range s.servers.all() {
		out.Servers = append(out.Servers, ServerSummary{
			ID: sv.ID, Name: sv.Name, Address: cmp.Or(append(s.serverAddresses(sv), "")[0]), Status: sv.Status,
		})
	}
	s.mu.Unlock()
	if s.opt.Machines != nil {
		for i := range out.Servers {
			out.Servers[i].Running = s.opt.Machines.Running(out.Servers[i].ID)
		}
	}
	out.Requests = s.log.counts()
	if guests, ok := s.opt.Machines.(interface{ Requests() map[string]int }); ok {
		asked := guests.Requests()
		for _, method := range slices.Sorted(maps.Keys(asked)) {
			out.Requests = append(out.Requests, RequestCount{Service: "guest", Method: method, Count: asked[method]})
		}
	}
	return out
}

func (s *Server) devRoutes() []route {
	return []route{
		{service: devel, pattern: "GET /_dev/status", open: true, stream: true, handle: func(c *call) error {
			return c.reply(http.StatusOK, s.Summary())
		}},
		{service: devel, pattern: "POST /_dev/faults", open: true, handle: s.postFault},
		{service: devel, pattern: "GET /_dev/faults", open: true, handle: func(c *call) error {
			return c.reply(http.StatusOK, map[string]any{"faults": s.faults.list()})
		}},
		{service: devel, pattern: "DELETE /_dev/faults", open: true, handle: func(c *call) error {
			s.faults.clear()
			return c.reply(http.StatusNoContent, nil)
		}},
	}
}

// requestLog counts requests and writes one line for each: time, service, method, template, status, duration. Paths,
// queries, headers and bodies are left out: they carry names, tokens and secrets.
type requestLog struct {
	mu   sync.Mutex
	now  func() time.Time
	file *os.File
	buf  *bufio.Writer
	by   map[RequestCount]int
}

func openRequestLog(path string, now func() time.Time) (*requestLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the request log: %w", err)
	}
	return &requestLog{now: now, file: f, buf: bufio.NewWriter(f), by: map[RequestCount]int{}}, nil
}

func (l *requestLog) add(svc service, method, template string, status int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by[RequestCount{Service: string(svc), Method: method, Path: template}]++
	if l.file == nil {
		return
	}
	// A line that cannot be written is lost: the log is for people, nothing rests on it.
	_, _ = fmt.Fprintf(l.buf, "%s %s %s %s %d %dms\n",
		l.now().UTC().Format("2006-01-02T15:04:05.000Z"), svc, method, template, status, took.Milliseconds())
	_ = l.buf.Flush()
}

func (l *requestLog) counts() []RequestCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]RequestCount, 0, len(l.by))
	for k, n := range l.by {
		k.Count = n
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b RequestCount) int {
		return strings.Compare(a.Service+" "+a.Path+" "+a.Method, b.Service+" "+b.Path+" "+b.Method)
	})
	return out
}

func (l *requestLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.file
	l.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("closing the request log: %w", err)
	}
	return nil
}
