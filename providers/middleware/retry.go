package middleware

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// RetryOptions sets up Retry.
type RetryOptions struct {
	Attempts int           // at most; default 5
	Base     time.Duration // the first pause; default 500 ms, doubled each time
	Cap      time.Duration // the longest pause, and the longest Retry-After that is waited for; default 30 s
	Clock    Clock
	Rand     func() float64
	Log      hclog.Logger
}

// Retry sends a request again where that cannot do harm: GET, HEAD, PUT and DELETE after a 429, a 5xx or a broken
// connection; POST and PATCH only when the service certainly did not act on it, which is a connection that was refused, a
// 429, or a 503 that says when to come back. It honours Retry-After. What still fails is handed on as it came.
func Retry(next http.RoundTripper, o RetryOptions) http.RoundTripper {
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Base == 0 {
		o.Base = 500 * time.Millisecond
	}
	if o.Cap == 0 {
		o.Cap = longestPause
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		for attempt := 1; ; attempt++ {
			resp, err := next.RoundTrip(req)
			if attempt >= o.Attempts || attempt >= tokenAttempts && isToken(req) || !again(req, resp, err) {
				return resp, err
			}
			pause, late := o.pause(attempt, resp)
			if late {
				return resp, err
			}
			fresh, rewound := rewind(req)
			if !rewound {
				return resp, err
			}
			o.Log.Debug("retrying", "method", req.Method, "path", Template(req.URL.Path), "attempt", attempt, "pause", pause, "status", status(resp))
			discard(resp)
			if sleepErr := o.Clock.Sleep(req.Context(), pause); sleepErr != nil {
				return nil, sleepErr
			}
			req = fresh
		}
	})
}

// longestPause is how long a service that says when to come back is waited for.
const longestPause = 30 * time.Second

// tokenAttempts bounds requests for a token, so that a user soon hears that a cloud cannot be reached.
const tokenAttempts = 3

func status(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

// again tells whether a request may be sent once more.
func again(req *http.Request, resp *http.Response, err error) bool {
	if req.Context().Err() != nil {
		return false
	}
	repeatable := req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == http.MethodPut || req.Method == http.MethodDelete
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return false
	}
	if err != nil {
		return repeatable || refused(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		return repeatable || resp.Header.Get("Retry-After") != ""
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return repeatable
	default:
		return false
	}
}

// refused tells whether a request certainly stayed here.
func refused(err error) bool {
	var op *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &op) && op.Op == "dial"
}

// pause tells how long to wait, and whether the service wants us to come back later than we are ready to wait.
func (o *RetryOptions) pause(attempt int, resp *http.Response) (time.Duration, bool) {
	wait := o.Base << (attempt - 1)
	if wait > o.Cap || wait <= 0 {
		wait = o.Cap
	}
	wait = wait/2 + time.Duration(o.Rand()*float64(wait/2)) // jitter, so that many clients do not come back together
	if resp == nil {
		return wait, false
	}
	asked, said := after(resp.Header.Get("Retry-After"), o.Clock.Now())
	if !said {
		return wait, false
	}
	return max(asked, wait), asked > o.Cap
}

// after reads Retry-After, in seconds or as a date.
func after(value string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1e6)) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0), true
	}
	return 0, false
}

// rewind makes the request ready to be sent again, if its body can be read again.
func rewind(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	fresh := req.Clone(req.Context())
	fresh.Body = body
	return fresh, true
}

// discard gives the connection back.
func discard(resp *http.Response) {
	if resp == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}
