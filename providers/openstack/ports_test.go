package openstack_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers/openstack"
)

// TestPorts_withoutSecurity: a port whose security somebody turned off shows that, and is filtered again with its groups.
func TestPorts_withoutSecurity(t *testing.T) {
	var asked []string
	off := true
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			asked = append(asked, string(body))
			var in struct {
				Port struct {
					Security bool `json:"port_security_enabled"`
				} `json:"port"`
			}
			if err := json.Unmarshal(body, &in); err != nil {
				t.Error(err)
			}
			if off = off && !in.Port.Security; off {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"NeutronError": {"type": "PortSecurityAndIPRequiredForSecurityGroups", "message": "Port security must be enabled.", "detail": ""}}`)
				return
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"port": map[string]any{"id": "p", "port_security_enabled": !off, "security_groups": []string{}}})
	})
	ctx := context.Background()
	cloud, err := openstack.Open(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		port, err := cloud.Ports.Get(ctx, "p")
		if err != nil || port.Unfiltered != want {
			t.Errorf("unfiltered is %t (%v), want %t", port.Unfiltered, err, want)
		}
		if err := cloud.Ports.SetSecurityGroups(ctx, "p", []string{"g"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`{"port":{"security_groups":["g"]}}`, `{"port":{"port_security_enabled":true,"security_groups":["g"]}}`, `{"port":{"security_groups":["g"]}}`,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
