// Package rabbitmq manages the accounts of guests at a RabbitMQ broker, through the HTTP API of its management plugin.
package rabbitmq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// Options says where the broker's management API is and as whom we use it.
type Options struct {
	URL            string // "https://broker.example.org:15671", without credentials
	User, Password string
	// Operator is the user as whom trovectl itself sends messages: it gets every right in the vhosts that Put makes. Default: User.
	Operator  string
	VHost     string // shared by the guests of this broker; empty: every guest has one of its own
	CAFile    string // of the authority that signed the broker's certificate; empty: those of the machine
	PageSize  int    // of lists that have pages; default 500
	UserAgent string
	// Wrap puts middleware around the transport; nil: none.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Timeout bounds one request; default 30 s.
	Timeout time.Duration
}

// Broker is a RabbitMQ broker. It implements providers.Broker and is safe for concurrent use.
type Broker struct {
	options Options
	base    *url.URL
	client  *http.Client
}

var _ providers.Broker = (*Broker)(nil)

const (
	defaultPageSize = 500
	defaultTimeout  = 30 * time.Second
)

// Open checks the options and contacts nobody.
func Open(o Options) (*Broker, error) {
	base, err := url.Parse(strings.TrimSuffix(o.URL, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the broker's management URL: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil:
		return nil, fmt.Errorf("the broker's management URL %q is not of the form https://HOST:PORT (credentials come from the environment)", base.Redacted())
	}
	if o.PageSize == 0 {
		o.PageSize = defaultPageSize
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Operator == "" {
		o.Operator = o.User
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of the broker's authority: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", o.CAFile)
		}
	}
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.TLSClientConfig = trust
	var transport http.RoundTripper = own
	if o.Wrap != nil {
		transport = o.Wrap(transport)
	}
	return &Broker{o, base, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}, nil
}

// Identity implements providers.Broker. It asks also for the shared vhost, so that a wrong name is known before it is needed.
func (b *Broker) Identity(ctx context.Context) (providers.BrokerIdentity, error) {
	const call = "identify broker"
	var overview struct {
		Version string `json:"rabbitmq_version"`
		Cluster string `json:"cluster_name"`
	}
	var self struct {
		Name string `json:"name"`
		Tags names  `json:"tags"`
	}
	if err := b.get(ctx, call, &self, "whoami"); err != nil {
		return providers.BrokerIdentity{}, err
	}
	if !slices.Contains(self.Tags, "administrator") {
		return providers.BrokerIdentity{}, &providers.Error{
			Kind: providers.KindDenied, Call: call, Status: http.StatusForbidden, Sent: true,
			Message: fmt.Sprintf("the user %s does not have the tag administrator, which making users and vhosts needs", self.Name),
		}
	}
	if err := b.get(ctx, call, &overview, "overview"); err != nil {
		return providers.BrokerIdentity{}, err
	}
	id := providers.BrokerIdentity{Product: "RabbitMQ " + overview.Version, Cluster: overview.Cluster, User: self.Name}
	if b.options.VHost != "" {
		if err := b.shared(ctx, call, b.options.VHost); err != nil {
			return id, err
		}
	}
	var err error
	id.Alarms, err = b.alarms(ctx, call)
	return id, err
}

// alarms say which nodes take no messages because they lack memory or disk. The check is exact at once, as the nodes' own
// figures are not, and fails (503) where there are any.
func (b *Broker) alarms(ctx context.Context, call string) ([]string, error) {
	var health struct {
		Alarms []struct{ Node, Resource string } `json:"alarms"`
	}
	err := b.do(ctx, request{
		call: call, method: http.MethodGet, path: []string{"health", "checks", "alarms"}, into: &health, also: http.StatusServiceUnavailable,
	})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, alarm := range health.Alarms {
		out = append(out, clean(alarm.Resource)+" alarm on "+clean(alarm.Node))
	}
	return out, nil
}

// shared tells whether a vhost is there that others made.
func (b *Broker) shared(ctx context.Context, call, name string) error {
	err := b.get(ctx, call, &vhost{}, "vhosts", name)
	if providers.IsKind(err, providers.KindNotFound) {
		return &providers.Error{
			Kind: providers.KindInvalid, Call: call, Status: http.StatusNotFound, Sent: true, Err: err,
			Message: fmt.Sprintf("the broker has no vhost %q: make it (`rabbitmqctl add_vhost %s`), or leave vhost out and every guest gets one of its own", name, name),
		}
	}
	return err
}
