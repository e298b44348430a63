package openstack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
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

// lengthHeader says how long a body is that is a stream: services refuse, or spool, one of unknown length.
const lengthHeader = "Content-Length"

// slowest is the least speed of an upload that is waited for, in bytes per second.
const slowest = 64 << 10

func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	timeout := b.timeout
	length, err := strconv.ParseInt(req.Header.Get(lengthHeader), 10, 64)
	streamed := err == nil && req.ContentLength <= 0
	if streamed {
		timeout += time.Duration(length/slowest) * time.Second
	}
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	req = req.WithContext(ctx)
	if streamed {
		req.ContentLength = length
	}
	resp, err := b.next.RoundTrip(req)
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
