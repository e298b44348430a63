package openstack

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// wrap makes a *providers.Error of whatever a request ended with; nil stays nil.
func (c *client) wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	var done *providers.Error
	if errors.As(err, &done) {
		return done
	}
	var reauth *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &reauth) {
		return c.wrapReauth(call, reauth)
	}
	if answer, is := answerOf(err); is {
		return c.wrapAnswer(call, answer)
	}
	return wrapSilence(call, err)
}

// wrapReauth tells that the token ran out and that no new one could be had. Keystone refused the request itself before.
func (c *client) wrapReauth(call string, reauth *gophercloud.ErrUnableToReauthenticate) error {
	var e *providers.Error
	if inner := c.wrap(authenticate, reauth.ErrReauth); !errors.As(inner, &e) {
		return inner
	}
	e.Call = call
	if e.Kind != providers.KindTransient { // Keystone's 404 of a revoked application credential says nothing of the call's object
		e.Kind = providers.KindDenied
	}
	e.Message = "the token was refused, and asking for a new one failed: " + e.Message
	e.Sent = false // a service that refuses the token has not looked at the request
	return e
}

// answerOf finds the answer in an error; gophercloud gives it as a value, and as a pointer in places.
func answerOf(err error) (gophercloud.ErrUnexpectedResponseCode, bool) {
	var value gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &value) {
		return value, true
	}
	var pointer *gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &pointer) && pointer != nil {
		return *pointer, true
	}
	return value, false
}

// wrapAnswer judges an answer by its status and the service's own text. The cause is left out of the result: it holds
// the whole body.
func (c *client) wrapAnswer(call string, answer gophercloud.ErrUnexpectedResponseCode) error {
	message := messageOf(answer.Body)
	e := &providers.Error{
		Kind: kindOf(answer.Actual, message), Call: call, Status: answer.Actual, Message: message.text,
		RequestID: requestID(answer.ResponseHeader), RetryAfter: c.retryAfter(answer.ResponseHeader), Sent: true,
	}
	switch {
	case answer.Actual == http.StatusTooManyRequests:
		e.Sent = false
	case answer.Actual == http.StatusServiceUnavailable && answer.ResponseHeader.Get("Retry-After") != "":
		e.Sent = false
	case answer.Actual == http.StatusNotAcceptable:
		e.Message = "the service is older than what is needed (compute " + computeVersion + ", volume " + volumeVersion + "): " + e.Message
	}
	switch location := answer.ResponseHeader.Get("Location"); {
	case answer.Actual >= 300 && answer.Actual < 400 && location != "":
		e.Message = "the service redirects to " + clean(location, maxMessage) + ", which is not followed: is its address right, http or https?"
	case e.Kind == providers.KindNotFound && e.RequestID == "" && !message.json:
		// A proxy without a service behind it. What it does not find may be there.
		e.Kind = providers.KindTransient
		e.Message = strings.TrimSuffix("not the service but something in front of it says 404: "+e.Message, ": ")
	case answer.Actual == http.StatusUnauthorized && call != authenticate:
		e.Message = "a token that is new was refused; an application credential with access rules may not make this call: " + e.Message
	}
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(answer.Actual))
	}
	return e
}

// kindOf follows what the services answer with: Nova says 403 and Cinder 413 for a quota, Neutron 409; Cinder, and Nova on
// its behalf, say 400 "Invalid volume: ..." where a volume's status does not allow something now.
func kindOf(status int, m message) providers.ErrorKind {
	quota := m.kind == "OverQuota" || strings.Contains(strings.ToLower(m.text), "quota exceeded") ||
		strings.Contains(m.text, "exceeds allowed") || strings.Contains(m.text, "LimitExceeded") ||
		strings.Contains(m.text, "exceedsAvailableQuota") || strings.Contains(m.text, "ExceedsAvailableQuota")
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return providers.KindNotFound
	case status == http.StatusRequestEntityTooLarge:
		return providers.KindQuota
	case (status == http.StatusForbidden || status == http.StatusConflict || status == http.StatusBadRequest) && quota:
		return providers.KindQuota
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return providers.KindDenied
	case status == http.StatusConflict || status == http.StatusPreconditionFailed || status == http.StatusLocked:
		return providers.KindConflict
	case status == http.StatusBadRequest && strings.HasPrefix(m.text, "Invalid volume"):
		return providers.KindConflict
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status == 498 || status >= 500:
		return providers.KindTransient
	case status >= 400:
		return providers.KindInvalid
	default: // a success or a redirect where none is known: something stands between us and the service
		return providers.KindTransient
	}
}

// wrapSilence is for requests without an answer, and for answers that cannot be understood.
func wrapSilence(call string, err error) error {
	e := &providers.Error{Kind: providers.KindTransient, Call: call, Message: silence(err), Err: err, Sent: true}
	if neverSent(err) {
		e.Sent = false
	}
	return e
}

// neverSent tells whether a request certainly stayed here: nobody to connect to, or nobody to be trusted.
func neverSent(err error) bool {
	if untrusted(err) || errors.Is(err, errNotBegun) || errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// silence says in one line why there is no answer, without the noise of nested errors.
func silence(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case untrusted(err):
		return clean(err.Error(), maxMessage) + "; name the file of the authority with cacert in clouds.yaml or with OS_CACERT"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		return "the host name " + dns.Name + " cannot be resolved"
	case errors.As(err, &op) && op.Addr != nil && errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on " + op.Addr.String() + " (connection refused)"
	default:
		return clean(err.Error(), maxMessage)
	}
}

// retryAfter reads a Retry-After header, in seconds or as a date.
func (c *client) retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(c.now()), 0), time.Hour)
	}
	return 0
}

func requestID(header http.Header) string {
	for _, name := range []string{"X-Openstack-Request-Id", "X-Compute-Request-Id", "X-Trans-Id"} {
		if id := header.Get(name); id != "" {
			return clean(id, 80)
		}
	}
	return ""
}
