package rabbitmq

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/trovectl/trovectl/providers"
)

// maxBody bounds a reply: the users of a broker with ten thousand guests are a few MiB.
const maxBody = 64 << 20

// service is what loggers and counters call the broker.
const service = "broker"

func (b *Broker) get(ctx context.Context, call string, into any, path ...string) error {
	return b.do(ctx, request{call: call, method: http.MethodGet, path: path, into: into})
}

func (b *Broker) put(ctx context.Context, call string, body any, path ...string) error {
	return b.do(ctx, request{call: call, method: http.MethodPut, path: path, body: body})
}

// remove deletes something; what is not there is a success.
func (b *Broker) remove(ctx context.Context, call string, path ...string) error {
	err := b.do(ctx, request{call: call, method: http.MethodDelete, path: path})
	if providers.IsKind(err, providers.KindNotFound) {
		return nil
	}
	return err
}

type request struct {
	call   string
	method string
	path   []string // parts below /api, not escaped: a vhost may be called "/"
	query  url.Values
	body   any // nil: none
	into   any // nil: the answer's body does not matter
	also   int // a further status that comes with what is asked; 0: none
}

func (b *Broker) do(ctx context.Context, r request) error {
	if err := ctx.Err(); err != nil {
		return &providers.Error{Kind: providers.KindTransient, Call: r.call, Message: err.Error(), Err: err}
	}
	ctx, cancel := context.WithTimeout(providers.WithCall(ctx, providers.Call{Service: service, Name: r.call}), b.options.Timeout)
	defer cancel()
	req, err := b.request(ctx, r)
	if err != nil {
		return &providers.Error{Kind: providers.KindInvalid, Call: r.call, Message: err.Error(), Err: err}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return b.silence(r.call, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return b.silence(r.call, err)
	case len(data) > maxBody:
		return &providers.Error{Kind: providers.KindTransient, Call: r.call, Message: fmt.Sprintf("the reply is longer than %d bytes", maxBody), Sent: true}
	case (resp.StatusCode < 200 || resp.StatusCode > 299) && resp.StatusCode != r.also:
		return refused(r.call, resp, data)
	case r.into == nil:
		return nil
	}
	if err := json.Unmarshal(data, r.into); err != nil {
		return &providers.Error{
			Kind: providers.KindTransient, Call: r.call, Status: resp.StatusCode, Sent: true, Err: err,
			Message: "the answer is not that of RabbitMQ's management API: is management_url the broker's, with the right port?",
		}
	}
	return nil
}

func (b *Broker) request(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	at := b.base.String() + "/api"
	for _, part := range r.path {
		at += "/" + url.PathEscape(part)
	}
	if len(r.query) > 0 {
		at += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(b.options.User, b.options.Password)
	// No Accept: some resources of the API offer nothing by that name when they are put (406).
	req.Header.Set("Content-Type", "application/json")
	if b.options.UserAgent != "" {
		req.Header.Set("User-Agent", b.options.UserAgent)
	}
	return req, nil
}

// refused judges an answer by its status. The broker's own reason is told, and nothing that we sent.
func refused(call string, resp *http.Response, body []byte) error {
	e := &providers.Error{Call: call, Status: resp.StatusCode, Sent: true}
	var said struct{ Error, Reason string }
	ours := json.Unmarshal(body, &said) == nil
	e.Message = clean(strings.TrimPrefix(said.Reason, said.Error))
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Kind = providers.KindDenied
	case status == http.StatusNotFound && ours:
		e.Kind = providers.KindNotFound
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		e.Kind, e.Sent = providers.KindTransient, status != http.StatusTooManyRequests
	case status == http.StatusConflict:
		e.Kind = providers.KindConflict
	case status >= 400 && ours:
		e.Kind = providers.KindInvalid
	default: // a redirect, or a 404 of something that is no broker
		e.Kind, e.Message = providers.KindTransient, "this is not the answer of RabbitMQ's management API: is management_url the broker's, with the right port and https or http?"
	}
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(resp.StatusCode))
	}
	return e
}

// silence says in one line why there is no answer.
func (b *Broker) silence(call string, err error) error {
	e := &providers.Error{Kind: providers.KindTransient, Call: call, Message: clean(err.Error()), Err: err, Sent: true}
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var op *net.OpError
	switch dialled := errors.As(err, &op) && op.Op == "dial"; {
	case errors.As(err, &certificate):
		// No later try goes through: what is wrong is written down somewhere.
		e.Kind, e.Sent = providers.KindInvalid, false
		e.Message = clean(certificate.Err.Error()) + "; name the file of the broker's authority in ca_file, and the host as its certificate does in management_url"
	case errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Kind, e.Sent, e.Message = providers.KindInvalid, false, "it does not speak TLS: is it http:// in management_url?"
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "no answer in time"
	case errors.Is(err, context.Canceled):
		e.Message = "cancelled"
	case errors.As(err, &dns):
		e.Sent, e.Message = false, "the host name "+clean(dns.Name)+" cannot be resolved"
	case dialled && errors.Is(err, syscall.ECONNREFUSED):
		e.Sent, e.Message = false, "nothing listens on "+b.base.Host+" (connection refused)"
	case dialled:
		e.Sent = false
	}
	return e
}

// page is a list that has pages; a list that has none is the whole of it.
type page[T any] struct {
	Items []T `json:"items"`
	Pages int `json:"page_count"`
}

// UnmarshalJSON reads both forms.
func (p *page[T]) UnmarshalJSON(data []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 20)])), "[") {
		return json.Unmarshal(data, &p.Items)
	}
	type plain page[T]
	return json.Unmarshal(data, (*plain)(p))
}

// list reads a whole list, page by page where it has pages.
func list[T any](ctx context.Context, b *Broker, columns, kind string) ([]T, error) {
	var all []T
	for n := 1; ; n++ {
		var got page[T]
		query := url.Values{"page": {strconv.Itoa(n)}, "page_size": {strconv.Itoa(b.options.PageSize)}}
		if columns != "" {
			query.Set("columns", columns)
		}
		err := b.do(ctx, request{call: "list " + kind, method: http.MethodGet, path: []string{kind}, query: query, into: &got})
		if err != nil {
			return nil, err
		}
		if all = append(all, got.Items...); n >= got.Pages {
			return all, nil
		}
	}
}

// maxMessage bounds what is told of a text that others wrote.
const maxMessage = 300

// clean makes a text of others fit for one line of a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "..."
	}
	return strings.TrimSpace(text)
}
