package emulator

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// FaultKind says what a fault does.
type FaultKind string

// The kinds of faults. Those for servers strike the create call that matches, and act later.
const (
	FaultStatus     FaultKind = "status"      // answer Status and Body, do nothing
	FaultLatency    FaultKind = "latency"     // wait LatencyMS, then go on as usual
	FaultDropBefore FaultKind = "drop_before" // break the connection before anything is done
	FaultDropAfter  FaultKind = "drop_after"  // do what was asked, then break the connection
	FaultHangBefore FaultKind = "hang_before" // do nothing and never answer
	FaultHangAfter  FaultKind = "hang_after"  // do what was asked, then never answer
	FaultTruncated  FaultKind = "truncated"   // do what was asked, then answer with half of the JSON
	FaultMistyped   FaultKind = "mistyped"    // do what was asked, then answer with values of other types
	FaultErrorBuild FaultKind = "error_build" // accept the server, let its build end in ERROR; Body is the fault's text
	FaultNeverBoot  FaultKind = "never_boot"  // the server becomes ACTIVE, its machine never runs
	FaultStuckBuild FaultKind = "stuck_build" // the server stays in BUILD until it is deleted
)

// Fault is a trouble on demand. It strikes the next Count requests that match every field that is given.
type Fault struct {
	Service    string    `json:"service,omitempty"`     // identity, compute, volume, image, network, object-store
	Method     string    `json:"method,omitempty"`      // GET, POST, ...
	PathRegexp string    `json:"path_regexp,omitempty"` // matched against the URL path
	BodyRegexp string    `json:"body_regexp,omitempty"` // matched against a JSON body
	Count      int       `json:"count,omitempty"`       // 0: once; negative: until it is cleared
	Skip       int       `json:"skip,omitempty"`        // how many matching requests pass first
	Kind       FaultKind `json:"kind"`
	Status     int       `json:"status,omitempty"`      // for status; default 503
	RetryAfter int       `json:"retry_after,omitempty"` // seconds; a 429 always carries one, at least 1
	Body       string    `json:"body,omitempty"`        // for status: the raw body; default the service's own format
	LatencyMS  int       `json:"latency_ms,omitempty"`
}

type verdict int

const (
	pass verdict = iota
	dropAfter
	hangAfter
)

type armed struct {
	Fault
	path, body *regexp.Regexp
}

// faultSet holds the faults that wait for their request.
type faultSet struct {
	mu  sync.Mutex
	now func() time.Time
	set []*armed
}

// Inject arms a fault. Faults strike in the order in which they were given, one per request.
func (s *Server) Inject(f Fault) error {
	a := &armed{Fault: f}
	var err error
	switch f.Kind {
	case FaultStatus, FaultLatency, FaultDropBefore, FaultDropAfter, FaultHangBefore, FaultHangAfter, FaultTruncated, FaultMistyped,
		FaultLateList, FaultLostMarker, FaultErrorBuild, FaultNeverBoot, FaultStuckBuild:
	default:
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	if a.path, err = regexp.Compile(f.PathRegexp); err != nil {
		return fmt.Errorf("compiling path_regexp: %w", err)
	}
	if a.body, err = regexp.Compile(f.BodyRegexp); err != nil {
		return fmt.Errorf("compiling body_regexp: %w", err)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("the status of a fault is between 400 and 599, not %d", f.Status)
	}
	if a.Count == 0 {
		a.Count = 1
	}
	if a.Kind == FaultStatus && a.Status == 0 {
		a.Status = http.StatusServiceUnavailable
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.set = append(s.faults.set, a)
	return nil
}

// Faults lists the faults that still wait for a request, with what is left of their Skip and Count.
func (s *Server) Faults() []Fault { return s.faults.list() }

// ClearFaults disarms every fault.
func (s *Server) ClearFaults() { s.faults.clear() }

func (s *Server) postFault(c *call) error {
	var f Fault
	if err := c.decode(&f); err != nil {
		return err
	}
	if err := s.Inject(f); err != nil {
		return badRequest("%v", err)
	}
	return c.reply(http.StatusCreated, map[string]any{"fault": f})
}

func (fs *faultSet) list() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	out := []Fault{}
	for _, a := range fs.set {
		out = append(out, a.Fault)
	}
	return out
}

func (fs *faultSet) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.set = nil
}

// take removes one use of the first fault that matches and passes want.
func (fs *faultSet) take(c *call, want func(FaultKind) bool) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, a := range fs.set {
		if !want(a.Kind) || !a.matches(c) {
			continue
		}
		if a.Skip > 0 {
			a.Skip--
			continue
		}
		if a.Count > 0 {
			a.Count--
		}
		if a.Count == 0 {
			fs.set = slices.Delete(fs.set, i, i+1)
		}
		return a.Fault, true
	}
	return Fault{}, false
}

func (a *armed) matches(c *call) bool {
	return c.service != devel &&
		(a.Service == "" || a.Service == string(c.service)) &&
		(a.Method == "" || a.Method == c.r.Method) &&
		(a.Kind != FaultLostMarker || c.query("marker") != "") &&
		a.path.MatchString(c.r.URL.Path) &&
		(a.BodyRegexp == "" || a.body.Match(c.body))
}

func ofBuild(k FaultKind) bool {
	return k == FaultErrorBuild || k == FaultNeverBoot || k == FaultStuckBuild
}

// strike applies the fault that waits for this request, if any. Faults of builds are left to createServer.
func (fs *faultSet) strike(s *Server, c *call) (verdict, error) {
	f, ok := fs.take(c, func(k FaultKind) bool { return !ofBuild(k) })
	if !ok {
		return pass, nil
	}
	switch f.Kind {
	case FaultLatency:
		select {
		case <-c.r.Context().Done():
		case <-s.opt.Clock.After(time.Duration(f.LatencyMS) * time.Millisecond):
		}
	case FaultLateList:
		c.late = time.Duration(f.LatencyMS) * time.Millisecond
	case FaultLostMarker:
		c.lostMarker = true
	case FaultDropBefore:
		return pass, errDropped
	case FaultDropAfter:
		return dropAfter, nil
	case FaultHangBefore:
		return pass, s.hang(c)
	case FaultHangAfter:
		return hangAfter, nil
	case FaultTruncated:
		c.spoil = truncated
	case FaultMistyped:
		c.spoil = mistyped
	case FaultStatus:
		return pass, f.refusal()
	}
	return pass, nil
}

func (f Fault) refusal() error {
	e := &apiError{status: f.Status, message: "An injected fault: " + http.StatusText(f.Status)}
	if f.Body != "" {
		e.raw = []byte(f.Body)
	}
	if f.RetryAfter > 0 || f.Status == http.StatusTooManyRequests {
		e.retryAfter = strconv.Itoa(max(f.RetryAfter, 1))
	}
	return e
}
