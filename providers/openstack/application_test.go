package openstack_test

import (
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	gopherstack "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/trovectl/trovectl/providers/openstack"
)

func TestApplicationCredentialsOpenTheirProject(t *testing.T) {
	w := newWorld(t)
	options, _, _ := applicationCredential(t, w)
	cloud, err := openstack.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if cloud.Identity.ProjectName != "demo" {
		t.Errorf("the credential opens project %q", cloud.Identity.ProjectName)
	}
	if _, err := cloud.Servers.List(t.Context()); err != nil {
		t.Error(err)
	}
}

// applicationCredential makes one of the embedded cloud's user. It returns the options of a client that has no more than it, its
// id, and what revokes it.
func applicationCredential(t *testing.T, w *world) (options openstack.Options, id string, revoke func()) {
	t.Helper()
	env := w.options.Getenv
	identity, user := identityOf(t, env)
	made, err := applicationcredentials.Create(t.Context(), identity, user, applicationcredentials.CreateOpts{Name: "ci"}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	options = w.options
	options.Getenv = variables(map[string]string{
		"OS_AUTH_URL": env("OS_AUTH_URL"), "OS_APPLICATION_CREDENTIAL_ID": made.ID, "OS_APPLICATION_CREDENTIAL_SECRET": made.Secret,
	})
	return options, made.ID, func() {
		t.Helper()
		if err := applicationcredentials.Delete(t.Context(), identity, user, made.ID).ExtractErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// identityOf is the Keystone of the embedded cloud with its user's password, and that user's id.
func identityOf(t *testing.T, env func(string) string) (*gophercloud.ServiceClient, string) {
	t.Helper()
	provider, err := gopherstack.NewClient(env("OS_AUTH_URL"))
	if err != nil {
		t.Fatal(err)
	}
	auth := &gophercloud.AuthOptions{IdentityEndpoint: env("OS_AUTH_URL"), Username: "demo", Password: env("OS_PASSWORD"), DomainName: "Default",
		Scope: &gophercloud.AuthScope{ProjectName: "demo", DomainName: "Default"}}
	if err := gopherstack.AuthenticateV3(t.Context(), provider, auth, gophercloud.EndpointOpts{}); err != nil {
		t.Fatal(err)
	}
	identity, err := gopherstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := provider.GetAuthResult().(tokens.CreateResult).ExtractUser()
	if err != nil {
		t.Fatal(err)
	}
	return identity, user.ID
}
