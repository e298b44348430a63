package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"github.com/trovectl/trovectl/providers/emulator"
)

func (c *cloud) authOptions() gophercloud.AuthOptions {
	return gophercloud.AuthOptions{
		IdentityEndpoint: c.Endpoint() + "/identity/v3", Username: "demo", Password: c.Password(), DomainName: "Default",
		TenantName: "demo",
	}
}

func TestWrongCredentials(t *testing.T) {
	c := open(t, emulator.Options{})
	for name, spoil := range map[string]func(*gophercloud.AuthOptions){
		"password": func(o *gophercloud.AuthOptions) { o.Password = "wrong" },
		"user":     func(o *gophercloud.AuthOptions) { o.Username = "admin" },
		"domain":   func(o *gophercloud.AuthOptions) { o.DomainName = "other" },
		"project":  func(o *gophercloud.AuthOptions) { o.TenantName = "secret-project" },
	} {
		ao := c.authOptions()
		spoil(&ao)
		_, err := openstack.AuthenticatedClient(t.Context(), ao)
		if !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
}

func TestVersionlessAuthURL(t *testing.T) {
	c := open(t, emulator.Options{})
	ao := c.authOptions()
	ao.IdentityEndpoint = c.Endpoint() + "/identity/"
	p, err := openstack.AuthenticatedClient(t.Context(), ao)
	must(t, p, err)
	for svc, endpoint := range map[string]string{"compute": c.compute.Endpoint, "volume": c.Endpoint() + "/volume/v3/"} {
		vs, err := utils.GetServiceVersions(t.Context(), p, endpoint, true)
		if must(t, vs, err); len(vs) != 1 || vs[0].MaxMinor < 60 {
			t.Errorf("versions of %s: %+v", svc, vs)
		}
	}
	sc, err := utils.RequireMicroversion(t.Context(), *c.compute, "2.90")
	must(t, sc, err)
	req := do(t, http.MethodGet, c.compute.Endpoint, "")
	if req.StatusCode != 200 {
		t.Errorf("the version document: %d", req.StatusCode)
	}
}

func TestTokens(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	own := c.provider.Token()
	tok, err := tokens.Get(ctx, c.identity, own).Extract()
	if must(t, tok, err); time.Until(tok.ExpiresAt) < 50*time.Minute {
		t.Errorf("the token expires at %s", tok.ExpiresAt)
	}
	ao := c.authOptions()
	ao.Username, ao.Password, ao.DomainName, ao.TenantName, ao.TokenID = "", "", "", "", own
	ao.Scope = &gophercloud.AuthScope{ProjectName: "alt_demo", DomainName: "Default"}
	other, err := openstack.AuthenticatedClient(ctx, ao)
	must(t, other, err)
	net, err := openstack.NewNetworkV2(other, gophercloud.EndpointOpts{Region: "RegionOne"})
	must(t, net, err)
	wantCode(t, networks.Delete(ctx, net, c.privateNetwork(t)).ExtractErr(), 403)

	page, err := projects.ListAvailable(c.identity).AllPages(ctx)
	must(t, page, err)
	list, err := projects.ExtractProjects(page)
	if must(t, list, err); len(list) != 2 || list[0].Name != "demo" {
		t.Errorf("projects %+v", list)
	}
	c.provider.ReauthFunc = nil
	if err := tokens.Revoke(ctx, c.identity, own).Err; err != nil {
		t.Fatal(err)
	}
	_, err = networks.Get(ctx, c.network, "x").Extract()
	wantCode(t, err, 401)
}

func TestExpiredTokensAreRefusedAndClientsComeBack(t *testing.T) {
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{Clock: clock, TokenLifetime: 10 * time.Minute})
	first := c.provider.Token()
	clock.advance(11 * time.Minute)
	c.privateNetwork(t) // gophercloud asks for a new token after the 401
	if c.provider.Token() == first {
		t.Error("the expired token was accepted")
	}
	c.provider.ReauthFunc = nil
	clock.advance(11 * time.Minute)
	_, err := networks.Get(t.Context(), c.network, "x").Extract()
	wantCode(t, err, 401)
}

func TestApplicationCredentials(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	user, err := tokens.Get(ctx, c.identity, c.provider.Token()).ExtractUser()
	must(t, user, err)
	opts := applicationcredentials.CreateOpts{Name: "guest", Description: "trovectl/1 abc"}
	ac, err := applicationcredentials.Create(ctx, c.identity, user.ID, opts).Extract()
	must(t, ac, err)
	_, err = applicationcredentials.Create(ctx, c.identity, user.ID, opts).Extract()
	wantCode(t, err, 409)

	ao := gophercloud.AuthOptions{
		IdentityEndpoint: c.Endpoint() + "/identity/v3", ApplicationCredentialID: ac.ID, ApplicationCredentialSecret: ac.Secret,
	}
	p, err := openstack.AuthenticatedClient(ctx, ao)
	must(t, p, err)
	id, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{})
	must(t, id, err)
	_, err = applicationcredentials.Create(ctx, id, user.ID, applicationcredentials.CreateOpts{Name: "more"}).Extract()
	wantCode(t, err, 403)
	net, err := openstack.NewNetworkV2(p, gophercloud.EndpointOpts{Region: "RegionOne"})
	must(t, net, err)
	if _, err := networks.Get(ctx, net, c.privateNetwork(t)).Extract(); err != nil {
		t.Error(err)
	}
	if err := applicationcredentials.Delete(ctx, c.identity, user.ID, ac.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	_, err = networks.Get(ctx, net, "x").Extract()
	wantCode(t, err, 401)
	_, err = openstack.AuthenticatedClient(ctx, ao)
	wantCode(t, err, 404)
}
