package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers/emulator"
)

// bodies are a legal body of every operation that takes one; fuzzing starts from them.
var bodies = []struct{ method, path, body string }{
	{"POST", "/identity/v3/auth/tokens", `{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}},"scope":{"project":{"id":"y"}}}}`},
	{"POST", "/identity/v3/users/USER/application_credentials", `{"application_credential":{"name":"a","expires_at":"2030-01-01T00:00:00Z","roles":[{"name":"member"}]}}`},
	{"POST", "/compute/v2.1/servers", `{"server":{"name":"s","flavorRef":"d1","imageRef":"IMAGE","user_data":"eA==","metadata":{"a":"b"},` +
		`"networks":[{"port":"PORT"}],"block_device_mapping_v2":[{"source_type":"blank","destination_type":"volume","volume_size":"1"}]}}`},
	{"PUT", "/compute/v2.1/servers/SERVER", `{"server":{"name":"n"}}`},
	{"POST", "/compute/v2.1/servers/SERVER/metadata", `{"metadata":{"a":"b"}}`},
	{"PUT", "/compute/v2.1/servers/SERVER/metadata/a", `{"meta":{"a":"b"}}`},
	{"POST", "/compute/v2.1/servers/SERVER/action", `{"reboot":{"type":"SOFT"}}`},
	{"POST", "/compute/v2.1/servers/SERVER/action", `{"os-getConsoleOutput":{"length":3}}`},
	{"POST", "/compute/v2.1/servers/SERVER/action", `{"resize":{"flavorRef":"d3"}}`},
	{"POST", "/compute/v2.1/servers/SERVER/os-volume_attachments", `{"volumeAttachment":{"volumeId":"VOLUME"}}`},
	{"POST", "/compute/v2.1/servers/SERVER/os-interface", `{"interfaceAttachment":{"net_id":"NETWORK"}}`},
	{"POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"k","public_key":"ssh-ed25519 AAAA"}}`},
	{"POST", "/compute/v2.1/os-server-groups", `{"server_group":{"name":"g","policies":["affinity"]}}`},
	{"POST", "/volume/v3/PROJECT/volumes", `{"volume":{"size":1,"name":"v","metadata":{}}}`},
	{"PUT", "/volume/v3/PROJECT/volumes/VOLUME", `{"volume":{"name":"v","metadata":{"a":"b"}}}`},
	{"POST", "/volume/v3/PROJECT/volumes/VOLUME/action", `{"os-extend":{"new_size":3}}`},
	{"POST", "/network/v2.0/networks", `{"network":{"name":"n"}}`},
	{"POST", "/network/v2.0/subnets", `{"subnet":{"network_id":"NETWORK","cidr":"10.9.0.0/24"}}`},
	{"POST", "/network/v2.0/ports", `{"port":{"network_id":"NETWORK","fixed_ips":[{"ip_address":"127.66.0.9"}],"security_groups":[]}}`},
	{"PUT", "/network/v2.0/ports/PORT", `{"port":{"name":"n","fixed_ips":[{"subnet_id":"x"}],"admin_state_up":"true"}}`},
	{"POST", "/network/v2.0/security-groups", `{"security_group":{"name":"g"}}`},
	{"POST", "/network/v2.0/security-group-rules", `{"security_group_rule":{"security_group_id":"GROUP","direction":"ingress","protocol":6,"port_range_min":"1","port_range_max":2,"remote_ip_prefix":"::/0"}}`},
	{"POST", "/network/v2.0/floatingips", `{"floatingip":{"floating_network_id":"NETWORK","port_id":"PORT"}}`},
	{"POST", "/image/v2/images", `{"name":"i","tags":["a"],"protected":true,"min_disk":1,"prop":"x"}`},
	{"PATCH", "/image/v2/images/IMAGE", `[{"op":"add","path":"/a~1b","value":"c"}]`},
	{"PUT", "/object-store/v1/AUTH_PROJECT/c", ``},
	{"PUT", "/object-store/v1/AUTH_PROJECT/c/o/p", `data`},
	{"POST", "/_dev/faults", `{"kind":"latency","service":"nobody"}`},
}

// FuzzRequestBodies holds the cloud to its word: it never panics and answers every body with 2xx or 4xx.
func FuzzRequestBodies(f *testing.F) {
	srv, err := emulator.Open(emulator.Options{Dir: f.TempDir(), Endpoint: "http://cloud.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = srv.Close(context.Background()) })
	token, ids := prepareFuzz(f, srv)
	replace := strings.NewReplacer(ids...)
	for i, b := range bodies {
		f.Add(i, replace.Replace(b.body))
		f.Add(i, `{"`+strings.Trim(b.path[strings.LastIndex(b.path, "/"):], "/s")+`":null}`)
		f.Add(i, `null`)
	}
	f.Fuzz(func(t *testing.T, which int, body string) {
		b := bodies[uint(which)%uint(len(bodies))]
		rec := send(srv, token, b.method, replace.Replace(b.path), body)
		if rec.Code/100 != 2 && rec.Code/100 != 4 {
			t.Errorf("%s %s with %q: %d %s", b.method, b.path, body, rec.Code, rec.Body)
		}
		send(srv, token, http.MethodDelete, "/_dev/faults", "") // faults that were asked for
	})
}

func send(srv *emulator.Server, token, method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, bytes.NewBufferString(body))
	req.Header.Set("X-Auth-Token", token)
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/openstack-images-v2.1-json-patch")
	}
	rec := httptest.NewRecorder()
	srv.Handler().ServeHTTP(rec, req)
	return rec
}

// prepareFuzz makes the objects that the bodies name; it returns a token and the pairs of placeholder and id.
func prepareFuzz(f *testing.F, srv *emulator.Server) (token string, ids []string) {
	f.Helper()
	decode := func(rec *httptest.ResponseRecorder, path ...string) string {
		var v any
		if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
			f.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
		}
		for _, p := range path {
			switch at := v.(type) {
			case map[string]any:
				v = at[p]
			case []any:
				v = at[0].(map[string]any)[p]
			}
		}
		return fmt.Sprint(v)
	}
	auth := send(srv, "", "POST", "/identity/v3/auth/tokens", fmt.Sprintf(
		`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"id":"default"},"password":%q}}}}}`, srv.Password()))
	token = auth.Header().Get("X-Subject-Token")
	project := decode(auth, "token", "project", "id")
	network := decode(send(srv, token, "GET", "/network/v2.0/networks?name=private", ""), "networks", "id")
	img := decode(send(srv, token, "GET", "/image/v2/images", ""), "images", "id")
	port := decode(send(srv, token, "POST", "/network/v2.0/ports", `{"port":{"network_id":"`+network+`"}}`), "port", "id")
	group := decode(send(srv, token, "GET", "/network/v2.0/security-groups", ""), "security_groups", "id")
	volume := decode(send(srv, token, "POST", "/volume/v3/"+project+"/volumes", `{"volume":{"size":1}}`), "volume", "id")
	server := decode(send(srv, token, "POST", "/compute/v2.1/servers",
		`{"server":{"name":"s","flavorRef":"d1","imageRef":"`+img+`"}}`), "server", "id")
	return token, []string{
		"PROJECT", project, "USER", decode(auth, "token", "user", "id"), "NETWORK", network, "IMAGE", img, "PORT", port,
		"GROUP", group, "VOLUME", volume, "SERVER", server,
	}
}
