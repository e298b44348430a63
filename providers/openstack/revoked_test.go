package openstack_test

import (
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

// TestAnApplicationCredentialThatWasRevoked: Keystone says 404 then, which means nothing about what the call was for.
func TestAnApplicationCredentialThatWasRevoked(t *testing.T) {
	w := newWorld(t)
	options, id, revoke := applicationCredential(t, w)
	cloud, err := openstack.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	revoke()
	_, getErr := cloud.Servers.Get(t.Context(), "x")
	_, listErr := cloud.Volumes.List(t.Context())
	_, openErr := openstack.Open(t.Context(), options)
	for what, err := range map[string]error{
		"get": getErr, "list": listErr, "open": openErr, "delete": cloud.Volumes.Delete(t.Context(), "x"),
		"object": cloud.Containers.Delete(t.Context(), "box", "x"),
	} {
		if !providers.IsKind(err, providers.KindDenied) || !strings.Contains(err.Error(), "Could not find Application Credential: "+id) {
			t.Errorf("%s: got %v, want denied", what, err)
		}
	}
}
