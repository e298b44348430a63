package openstack_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

// TestFloatingIPs_withoutRouter: Neutron's 404 about two networks that are there says what to do, and one of a collection that
// it does not know says that there are none.
func TestFloatingIPs_withoutRouter(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Openstack-Request-Id", "req-1")
		w.WriteHeader(http.StatusNotFound)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"message": "The resource could not be found.", "code": "404 Not Found", "title": "Not Found"}`)
			return
		}
		_, _ = io.WriteString(w, `{"NeutronError": {"type": "ExternalGatewayForFloatingIPNotFound", "message": "External network e is not reachable from subnet s. `+
			`Therefore, cannot associate Port p with a Floating IP.", "detail": ""}}`)
	})
	ctx := context.Background()
	cloud, err := openstack.Open(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	all, err := cloud.FloatingIPs.List(ctx)
	if err != nil || len(all) > 0 {
		t.Errorf("there are %v, %v", all, err)
	}
	_, created := cloud.FloatingIPs.Create(ctx, providers.FloatingIPSpec{
		Mark: providers.Mark{Lineage: "abcd0123", Member: "m", Intent: "i"}, NetworkID: "e", PortID: "p",
	})
	for _, err := range []error{created, cloud.FloatingIPs.Associate(ctx, "f", "p")} {
		if !providers.IsKind(err, providers.KindInvalid) || !strings.Contains(err.Error(), "no router joins the port's network with the external network") {
			t.Errorf("got %v", err)
		}
	}
}
