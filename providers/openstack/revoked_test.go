package openstack_test

import (
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

// TestAnApplicationCredentialThatWasRevoked: Keystone says 404 then, which means nothing about what the call was for.
func TestAnApplicationCredentialThatWasRevoked(t *testing.T) {
	w := newWorld(t)
	env := w.options.Getenv
	identity, user := identityOf(t, env)
	made, err := applicationcredentials.Create(t.Context(), identity, user, applicationcredentials.CreateOpts{Name: "ci"}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	options := w.options
	options.Getenv = variables(map[string]string{
		"OS_AUTH_URL": env("OS_AUTH_URL"), "OS_APPLICATION_CREDENTIAL_ID": made.ID, "OS_APPLICATION_CREDENTIAL_SECRET": made.Secret,
	})
	cloud, err := openstack.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := applicationcredentials.Delete(t.Context(), identity, user, made.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	_, getErr := cloud.Servers.Get(t.Context(), "x")
	_, listErr := cloud.Volumes.List(t.Context())
	_, openErr := openstack.Open(t.Context(), options)
	for what, err := range map[string]error{
		"get": getErr, "list": listErr, "open": openErr, "delete": cloud.Volumes.Delete(t.Context(), "x"),
		"object": cloud.Containers.Delete(t.Context(), "box", "x"),
	} {
		if !providers.IsKind(err, providers.KindDenied) || !strings.Contains(err.Error(), "Could not find Application Credential: "+made.ID) {
			t.Errorf("%s: got %v, want denied", what, err)
		}
	}
}
