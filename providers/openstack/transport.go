package openstack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody bounds a reply. A page of a thousand servers with much metadata has a few MiB.
const maxBody = 64 << 20

// defaultTimeout bounds one request with its reply.
const defaultTimeout = 2 * time.Minute

// bounded bounds each reply in size and time.
type bounded struct {
	next    http.RoundTripper
	limit   int64
	timeout time.Duration
}

func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), b.timeout)
	resp, err := b.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: b.limit + 1, limit: b.limit, cancel: cancel}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left, limit int64 // left counts one byte more than the limit: who reads it read too much
	cancel      context.CancelFunc
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left <= 0 {
		return 0, fmt.Errorf("the reply is longer than %d bytes", b.limit)
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
