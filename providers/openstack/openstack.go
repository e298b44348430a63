// Package openstack is the real cloud: it speaks to Nova, Cinder, Neutron, Glance and Swift through gophercloud, and to nobody
// else's Keystone than the one that the user's clouds.yaml or OS_* variables name.
//
// It asks for one token, finds the services in that token's catalog without asking them for their versions, and reads
// lists page by page. Replies are not trusted: what cannot be understood is a transient error.
package openstack

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	gopherstack "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers"
)

// Options says which cloud, and how to reach it.
type Options struct {
	Cloud  string // the entry of clouds.yaml; empty: OS_CLOUD, else OS_AUTH_URL and its companions, else the only entry
	Region string // empty: as the entry or OS_REGION_NAME says, else the only one of the catalog

	// Getenv reads the environment; default os.Getenv. Nothing else of the environment is used.
	Getenv func(string) string
	// Dir is where clouds.yaml is looked for first; default the working directory.
	Dir string

	// Transport carries requests; default one with the TLS settings of the entry.
	Transport http.RoundTripper
	// Wrap puts middleware around the transport.
	Wrap func(http.RoundTripper) http.RoundTripper

	UserAgent string           // "trovectl/1.2"
	Log       hclog.Logger     // default: none
	Timeout   time.Duration    // of one request with its reply; default 2 min
	PageSize  int              // objects per page that are asked for; default 1000, the most that Nova gives
	Now       func() time.Time // default time.Now; dates of Retry-After are read against it
}

// Microversions that are asked for. Compute 2.69 (Stein): flavors by name (2.47), servers of cells that are down are
// listed as UNKNOWN rather than left out (2.69). Volume 3.42 (Ocata): attached volumes can be extended.
// https://docs.openstack.org/nova/latest/reference/api-microversion-history.html
// https://docs.openstack.org/cinder/latest/contributor/api_microversion_history.html
const (
	computeVersion = "2.69"
	volumeVersion  = "3.42"
)

const defaultPageSize = 1000

// client is what the services share.
type client struct {
	provider  *gophercloud.ProviderClient
	catalog   catalog
	projectID string
	pageSize  int
	now       func() time.Time
	log       hclog.Logger
}

// Open reads the credentials, asks Keystone for a token and gives the services that its catalog has. It costs one
// request. The waits of the result are nil: package middleware makes them. Errors are *providers.Error; their message
// names the auth URL, the user and the project, and what to check.
func Open(ctx context.Context, o Options) (*providers.Cloud, error) {
	o.fill()
	creds, err := o.credentials()
	if err != nil {
		return nil, &providers.Error{Kind: providers.KindInvalid, Call: "read cloud credentials", Message: err.Error(), Err: err}
	}
	provider, err := gopherstack.NewClient(creds.auth.IdentityEndpoint)
	if err != nil {
		err = fmt.Errorf("auth URL %q of %s: %w", creds.auth.IdentityEndpoint, creds.source, err)
		return nil, &providers.Error{Kind: providers.KindInvalid, Call: "read cloud credentials", Message: err.Error(), Err: err}
	}
	provider.HTTPClient = o.httpClient(creds.tls)
	if o.UserAgent != "" {
		provider.UserAgent.Prepend(o.UserAgent)
	}
	c := &client{provider: provider, pageSize: o.PageSize, now: o.Now, log: o.Log}
	ctx = providers.WithCall(ctx, providers.Call{Service: "identity", Name: authenticate})
	if err := gopherstack.AuthenticateV3(ctx, provider, &creds.auth, gophercloud.EndpointOpts{}); err != nil {
		return nil, creds.explain(c.wrap(authenticate, err))
	}
	identity, err := c.read(creds)
	if err != nil {
		return nil, err
	}
	identity.ClockAhead = c.ahead()
	o.Log.Debug("authenticated", "auth_url", identity.AuthURL, "project", identity.ProjectName, "region", identity.Region, "source", creds.source)
	return c.services(identity), nil
}

const authenticate = "authenticate"

// ahead compares our clock with the date of Keystone's answer.
func (c *client) ahead() time.Duration {
	result, ok := c.provider.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return 0
	}
	date, err := http.ParseTime(result.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return c.now().Sub(date)
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.PageSize == 0 {
		o.PageSize = defaultPageSize
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// httpClient follows redirects within one host only: the token must not reach another.
func (o *Options) httpClient(settings *tls.Config) http.Client {
	transport := o.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     settings,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 64, // what the middleware lets be under way at most
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		}
	}
	transport = &bounded{next: transport, limit: maxBody, timeout: o.Timeout}
	if o.Wrap != nil {
		transport = o.Wrap(transport)
	}
	return http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// read takes catalog, project and region out of the token.
func (c *client) read(creds *credentials) (providers.Identity, error) {
	unclear := func(what string, err error) (providers.Identity, error) {
		return providers.Identity{}, &providers.Error{Kind: providers.KindInvalid, Call: authenticate, Err: err, Sent: true,
			Message: fmt.Sprintf("the token that %s gave for %s %s", creds.auth.IdentityEndpoint, creds.who(), what)}
	}
	result, is := c.provider.GetAuthResult().(interface {
		ExtractServiceCatalog() (*tokens.ServiceCatalog, error)
		ExtractProject() (*tokens.Project, error)
		ExtractRoles() ([]tokens.Role, error)
	})
	if !is {
		return unclear("cannot be read", nil)
	}
	project, err := result.ExtractProject()
	if err != nil {
		return unclear("cannot be read", err)
	}
	if project == nil || project.ID == "" {
		return unclear("belongs to no project: name one with project_name or project_id in clouds.yaml, or with OS_PROJECT_NAME", nil)
	}
	entries, err := result.ExtractServiceCatalog()
	if err != nil || entries == nil {
		return unclear("has no catalog that can be read", err)
	}
	c.projectID = project.ID
	c.catalog = catalog{entries: entries.Entries, region: creds.region, availability: creds.availability}
	if err := c.catalog.settle(); err != nil {
		return unclear(err.Error(), err)
	}
	identity := providers.Identity{
		AuthURL: creds.auth.IdentityEndpoint, ProjectID: project.ID, ProjectName: project.Name,
		Region: c.catalog.region, Cloud: creds.cloud,
	}
	if roles, err := result.ExtractRoles(); err == nil { // informative: a token without them is as good
		for _, role := range roles {
			identity.Roles = append(identity.Roles, role.Name)
		}
	}
	return identity, nil
}

// services gives an interface for each service of the catalog; the others stay nil.
func (c *client) services(identity providers.Identity) *providers.Cloud {
	cloud, limits := &providers.Cloud{Identity: identity}, &limitService{client: c}
	cloud.Limits = limits
	if compute := c.service("compute", "", computeVersion); compute != nil {
		limits.nova = compute
		cloud.Servers = &serverService{c, compute}
		actions := &actionService{c, compute}
		cloud.ServerActions, cloud.Resizes, cloud.Attachments = actions, actions, &attachmentService{c, compute}
		cloud.ServerGroups, cloud.Flavors = &serverGroupService{c, compute}, &flavorService{c, compute}
	}
	if volume := c.service("block-storage", "", volumeVersion); volume != nil {
		limits.cinder = volume
		cloud.Volumes = &volumeService{c, volume}
	}
	if image := c.service("image", "v2", ""); image != nil {
		cloud.Images = &imageService{c, image}
	}
	if network := c.service("network", "v2.0", ""); network != nil {
		limits.neutron = network
		cloud.Networks = &networkService{c, network, c.service("compute", "", computeVersion)}
		cloud.Ports = &portService{c, network}
		cloud.SecurityGroups = &groupService{c, network}
		cloud.FloatingIPs = &floatingService{c, network}
	}
	if objects := c.service("object-store", "", ""); objects != nil {
		cloud.Containers = &containerService{c, objects}
	}
	return cloud
}
