package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// heartbeat is how often both sides of a connection show that they live. A guest whose machine froze loses its connection,
// and so shows as absent, after three of them.
const heartbeat = 10 * time.Second

// open logs in to a broker. name is what the broker's operator sees of the connection. Every failure is a *guest.Error of
// KindUnreachable; its stage is StageLogin when the broker refuses the credentials or the vhost.
func open(ctx context.Context, b Broker, name string, limit time.Duration) (*oslo.Link, error) {
	where, err := url.Parse(b.URL)
	if err != nil {
		return nil, b.unreachable(guest.StageConnect, "its URL cannot be read")
	}
	if err := checkURL(where); err != nil {
		return nil, b.unreachable(guest.StageConnect, err.Error())
	}
	config := amqp091.Config{
		Vhost: b.VHost, Heartbeat: heartbeat, Properties: amqp091.NewConnectionProperties(),
		SASL: []amqp091.Authentication{&amqp091.PlainAuth{Username: b.User, Password: b.Password}},
	}
	config.Properties.SetClientConnectionName(name)
	if b.External {
		config.SASL = []amqp091.Authentication{&amqp091.ExternalAuth{}}
	}
	if where.Scheme == "amqps" {
		config.TLSClientConfig = b.TLS.Clone()
		if config.TLSClientConfig == nil {
			config.TLSClientConfig = &tls.Config{}
		}
		config.TLSClientConfig.MinVersion = max(config.TLSClientConfig.MinVersion, tls.VersionTLS12)
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	link, err := oslo.Open(within, b.URL, config)
	if err != nil {
		return nil, b.refused(err, limit)
	}
	return link, nil
}

func checkURL(where *url.URL) error {
	switch {
	case where.Scheme != "amqp" && where.Scheme != "amqps":
		return errors.New("its URL must begin with amqp:// or amqps://")
	case where.User != nil:
		return errors.New("its URL holds credentials, which do not belong there")
	case where.Hostname() == "":
		return errors.New("its URL names no host")
	case strings.Trim(where.Path, "/") != "" || where.RawQuery != "":
		return errors.New("its URL must be scheme, host and port alone")
	}
	return nil
}

// place says which broker is meant, without what a URL may hold beside.
func (b Broker) place() string {
	where, err := url.Parse(b.URL)
	if err != nil || where.Host == "" {
		return "the broker"
	}
	return fmt.Sprintf("the broker %s://%s", where.Scheme, where.Host)
}

func (b Broker) unreachable(stage guest.Stage, why string) *guest.Error {
	failure := guest.Errorf(guest.KindUnreachable, "connecting to %s: %s", b.place(), why)
	failure.Stage = stage
	return failure
}

// refused says why a login failed.
func (b Broker) refused(err error, limit time.Duration) *guest.Error {
	var name *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var certificate x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	var said *amqp091.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return b.unreachable(guest.StageConnect, fmt.Sprintf("no answer in time (the limit is %s)", limit))
	case errors.Is(err, context.Canceled):
		return b.unreachable(guest.StageConnect, "given up by the caller")
	case errors.As(err, &name):
		return b.unreachable(guest.StageConnect, fmt.Sprintf("the host name %q has no address", name.Name))
	case errors.Is(err, syscall.ECONNREFUSED):
		return b.unreachable(guest.StageConnect, "nothing listens there (connection refused)")
	case errors.As(err, &authority):
		return b.unreachable(guest.StageGreet, "its certificate was issued by a CA that is not trusted here: "+authority.Error())
	case errors.As(err, &host):
		return b.unreachable(guest.StageGreet, "its certificate is for another host name: "+host.Error())
	case errors.As(err, &certificate):
		return b.unreachable(guest.StageGreet, "its certificate is not valid: "+certificate.Error())
	case errors.As(err, &noTLS):
		return b.unreachable(guest.StageGreet, "it does not speak TLS at this port; without TLS the URL begins with amqp://")
	case strings.Contains(err.Error(), "remote error: tls"):
		return b.unreachable(guest.StageLogin, "it refuses our certificate: "+err.Error())
	case errors.As(err, &said) && (said.Code == amqp091.AccessRefused || said.Code == amqp091.NotAllowed):
		return b.unreachable(guest.StageLogin, b.refusal(said))
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return b.unreachable(guest.StageConnect, "there is no way to it: "+err.Error())
	}
	return b.unreachable(guest.StageGreet, "it ended the connection; it may expect TLS (amqps://), or be no broker: "+err.Error())
}

// refusal is what a broker means that ends the login.
func (b Broker) refusal(said *amqp091.Error) string {
	reason := fmt.Sprintf("%.300q", said.Reason)
	switch {
	case said.Code == amqp091.AccessRefused && b.External:
		return fmt.Sprintf("it does not let our certificate log in as user %q: %s", b.User, reason)
	case said.Code == amqp091.AccessRefused:
		return fmt.Sprintf("it refuses the user %q or the password: %s", b.User, reason)
	case said.Code == amqp091.NotAllowed && strings.Contains(said.Reason, "not found"):
		return fmt.Sprintf("it has no vhost %q: %s", b.VHost, reason)
	case said.Code == amqp091.NotAllowed && strings.Contains(said.Reason, "limit"):
		return fmt.Sprintf("a limit of the vhost %q or the user %q is reached: %s", b.VHost, b.User, reason)
	}
	return fmt.Sprintf("the user %q may not use the vhost %q: %s", b.User, b.VHost, reason)
}
