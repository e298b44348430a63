package middleware

import (
	"io"
	"net/http"
	"sync"
)

// Limit lets at most n requests of each service be under way. A request is under way until its reply was read.
func Limit(next http.RoundTripper, n int) http.RoundTripper {
	var mu sync.Mutex
	gates := map[string]chan struct{}{}
	gate := func(service string) chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		if gates[service] == nil {
			gates[service] = make(chan struct{}, n)
		}
		return gates[service]
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		seats := gate(serviceOf(req))
		select {
		case seats <- struct{}{}:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		leave := sync.OnceFunc(func() { <-seats })
		resp, err := next.RoundTrip(req)
		if err != nil {
			leave()
			return nil, err
		}
		resp.Body = &leaving{ReadCloser: resp.Body, leave: leave}
		return resp, nil
	})
}

// leaving gives the seat back when the reply was read or closed.
type leaving struct {
	io.ReadCloser
	leave func()
}

func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil {
		l.leave()
	}
	return n, err
}

func (l *leaving) Close() error {
	l.leave()
	return l.ReadCloser.Close()
}
