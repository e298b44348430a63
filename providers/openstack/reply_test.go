package openstack_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

func TestAnswersBecomeKinds(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   providers.Error
	}{
		{"nova not found", 404, map[string]string{"X-Openstack-Request-Id": "req-1"}, `{"itemNotFound": {"code": 404, "message": "Instance x could not be found."}}`,
			providers.Error{Kind: providers.KindNotFound, Message: "Instance x could not be found.", RequestID: "req-1", Sent: true}},
		{"nova quota", 403, map[string]string{"X-Compute-Request-Id": "req-2"}, `{"forbidden": {"code": 403, "message": "Quota exceeded for cores: Requested 2, but already used 20 of 20 cores"}}`,
			providers.Error{Kind: providers.KindQuota, Message: "Quota exceeded for cores: Requested 2, but already used 20 of 20 cores", RequestID: "req-2", Sent: true}},
		{"nova policy", 403, nil, `{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:servers:create to be performed."}}`,
			providers.Error{Kind: providers.KindDenied, Message: "Policy doesn't allow os_compute_api:servers:create to be performed.", Sent: true}},
		{"nova port in use", 409, nil, `{"conflictingRequest": {"code": 409, "message": "Port y is still in use."}}`,
			providers.Error{Kind: providers.KindConflict, Message: "Port y is still in use.", Sent: true}},
		{"nova task", 409, nil, `{"conflictingRequest": {"code": 409, "message": "Cannot 'stop' instance x while it is in task_state resize_prep"}}`,
			providers.Error{Kind: providers.KindConflict, Message: "Cannot 'stop' instance x while it is in task_state resize_prep", Sent: true}},
		{"nova locked", 409, nil, `{"conflictingRequest": {"code": 409, "message": "Instance x is locked"}}`,
			providers.Error{Kind: providers.KindConflict, Message: "Instance x is locked", Sent: true}},
		{"nova of cinder", 400, nil, `{"badRequest": {"code": 400, "message": "Invalid volume: Invalid input received: Invalid volume: Volume v status must be available or downloading to reserve, but the current status is attaching. (HTTP 400) (Request-ID: req-9)"}}`,
			providers.Error{Kind: providers.KindConflict, Sent: true,
				Message: "Invalid volume: Invalid input received: Invalid volume: Volume v status must be available or downloading to reserve, but the current status is attaching. (HTTP 400) (Request-ID: req-9)"}},
		{"nova bad request", 400, nil, `{"badRequest": {"code": 400, "message": "Invalid flavorRef provided."}}`,
			providers.Error{Kind: providers.KindInvalid, Message: "Invalid flavorRef provided.", Sent: true}},
		{"nova too old", 406, nil, `{"computeFault": {"code": 406, "message": "Version 2.69 is not supported by the API."}}`,
			providers.Error{Kind: providers.KindInvalid, Message: "the service is older than what is needed (compute 2.69, volume 3.42): Version 2.69 is not supported by the API.", Sent: true}},
		{"cinder quota", 413, map[string]string{"Retry-After": "0"}, `{"overLimit": {"code": 413, "message": "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'."}}`,
			providers.Error{Kind: providers.KindQuota, Message: "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'.", Sent: true}},
		{"cinder size", 413, map[string]string{"Retry-After": "0"}, `{"overLimit": {"code": 413, "message": "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota.", "retryAfter": "0"}}`,
			providers.Error{Kind: providers.KindQuota, Message: "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota.", Sent: true}},
		{"cinder shrink", 400, nil, `{"badRequest": {"code": 400, "message": "Invalid input received: New size for extend must be greater than current size. (current: 1, extended: 1)."}}`,
			providers.Error{Kind: providers.KindInvalid, Message: "Invalid input received: New size for extend must be greater than current size. (current: 1, extended: 1).", Sent: true}},
		{"cinder status", 400, nil, `{"badRequest": {"code": 400, "message": "Invalid volume: Volume status must be available or error."}}`,
			providers.Error{Kind: providers.KindConflict, Message: "Invalid volume: Volume status must be available or error.", Sent: true}},
		{"neutron quota", 409, nil, `{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['port'].", "detail": ""}}`,
			providers.Error{Kind: providers.KindQuota, Message: "Quota exceeded for resources: ['port'].", Sent: true}},
		{"neutron in use", 409, nil, `{"NeutronError": {"type": "SecurityGroupInUse", "message": "Security Group g in use.", "detail": ""}}`,
			providers.Error{Kind: providers.KindConflict, Message: "Security Group g in use.", Sent: true}},
		{"neutron old form", 500, nil, `{"NeutronError": "Request Failed: internal server error"}`,
			providers.Error{Kind: providers.KindTransient, Message: "Request Failed: internal server error", Sent: true}},
		{"a page of what stands in front", 404, nil, "<html><head><title>404</title></head><body>default backend</body></html>",
			providers.Error{Kind: providers.KindTransient, Sent: true,
				Message: "not the service but something in front of it says 404: default backend"}},
		{"glance page", 404, map[string]string{"X-Openstack-Request-Id": "req-3"}, "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found<br /><br />\n </body>\n</html>",
			providers.Error{Kind: providers.KindNotFound, Message: "404 Not Found No image found", RequestID: "req-3", Sent: true}},
		{"rate limit", 429, map[string]string{"Retry-After": "7"}, `{"overLimit": {"message": "slow down"}}`,
			providers.Error{Kind: providers.KindTransient, Message: "slow down", RetryAfter: 7 * time.Second}},
		{"maintenance with a date", 503, map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)}, "",
			providers.Error{Kind: providers.KindTransient, Message: "service unavailable", RetryAfter: 90 * time.Second}},
		{"proxy without a word", 503, nil, "", providers.Error{Kind: providers.KindTransient, Message: "service unavailable", Sent: true}},
		{"bad gateway", 502, nil, "<html><body>\x1b[31mBad\x00 Gateway</body></html>",
			providers.Error{Kind: providers.KindTransient, Message: "[31mBad Gateway", Sent: true}},
		{"a redirect elsewhere", 302, map[string]string{"Location": "http://192.0.2.1/"}, "", providers.Error{Kind: providers.KindTransient, Sent: true,
			Message: "the service redirects to http://192.0.2.1/, which is not followed: is its address right, http or https?"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			s.options.Now = func() time.Time { return now }
			_, err := s.open(t).Servers.Get(t.Context(), "x")
			var got *providers.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %T %v, want a *providers.Error", err, err)
			}
			c.want.Call, c.want.Status = "get server", c.status
			if diff := cmp.Diff(c.want, *got, cmpopts.IgnoreFields(providers.Error{}, "Err")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// calls that need nothing of a reply's body, or for which not found is a success.
var bodiless = map[string]bool{
	"rename server": true, "set server metadata": true, "delete server": true, "start server": true, "stop server": true,
	"reboot server": true, "resize server": true, "confirm server resize": true, "revert server resize": true, "extend volume": true, "delete volume": true, "set port security groups": true, "delete port": true,
	"delete security group rule": true, "delete security group": true,
}

func TestRepliesThatCannotBeUnderstood(t *testing.T) {
	for name, body := range map[string]string{
		"empty":     "",
		"truncated": `{"servers": [{"id": "x", "na`,
		"html":      "<html>welcome to the hotel's network</html>",
		"array":     "[]",
		"string":    `"hello"`,
		"number":    "1e999",
		"wrong types": `{"server": 7, "servers": {"id": 1}, "volume": [], "volumes": "none", "port": "p", "ports": 3, "security_group": 5,
			"security_groups": true, "security_group_rule": [], "security_group_rules": {}, "flavors": 1, "volume_types": {}, "images": 1, "networks": 1,
			"subnets": 1, "availabilityZoneInfo": 1, "output": 4}`,
		"wrong types inside": `{"server": {"id": 7}, "servers": [7], "volume": {"id": []}, "volumes": [{"size": "big"}], "port": {"id": {}},
			"ports": [{"fixed_ips": 3}], "security_group": {"id": 5}, "security_groups": [{"security_group_rules": 3}], "security_group_rule": {"id": 5},
			"flavors": [[]], "volume_types": [1], "images": [{"tags": 5}], "networks": ["n"], "subnets": [2], "availabilityZoneInfo": [3], "output": []}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(map[string]int{"GET": 200, "POST": 202, "PUT": 200, "DELETE": 204}[r.Method])
				if r.Method != http.MethodDelete {
					_, _ = io.WriteString(w, body)
				}
			})
			for call, err := range everyCall(t, s.open(t)) {
				if bodiless[call] {
					if err != nil {
						t.Errorf("%s: %v", call, err)
					}
					continue
				}
				var e *providers.Error
				if !errors.As(err, &e) || e.Kind != providers.KindTransient || !e.Sent || e.Call != call {
					t.Errorf("%s: got %v, want a transient error of a request that was sent", call, err)
				}
			}
		})
	}
}

// within carries requests to a handler in this process.
type within struct{ handler http.HandlerFunc }

func (w within) RoundTrip(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	w.handler(recorder, req)
	resp := recorder.Result()
	resp.Request = req
	return resp, nil
}

func FuzzReplies(f *testing.F) {
	for _, seed := range []string{
		`{"servers": [{"id": "a", "image": "", "addresses": {"n": [{"addr": "10.0.0.1"}]}}], "servers_links": [{"rel": "next", "href": "x"}]}`,
		`{"security_groups": [{"id": "a", "security_group_rules": [{"direction": "ingress", "protocol": null}]}]}`,
		`{"images": [{"id": "a", "status": "active"}], "next": "/v2/images?marker=a"}`,
		`{"NeutronError": {"type": 5}}`, `{"a": [{"message": "x"}]}`, `null`, `{"servers": null}`, "<html>",
	} {
		f.Add(seed, 200)
		f.Add(seed, 409)
	}
	var body string
	var status int
	s := &stub{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
	s.Server = &httptest.Server{URL: "http://stub.invalid"} // no network: it would cost the fuzzer its speed
	s.options = openstack.Options{Transport: within{s.serve}, Getenv: variables(map[string]string{
		"OS_AUTH_URL": s.URL + "/identity/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "db",
	})}
	cloud, err := openstack.Open(f.Context(), s.options)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, code int) {
		body, status = text, 200+(code%400+400)%400
		for call, err := range everyCall(t, cloud) {
			var e *providers.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: %T is no *providers.Error", call, err)
			}
			if e != nil && strings.ContainsAny(e.Message, "\x1b\n\r\x00") {
				t.Errorf("%s: the message %q is not fit for a terminal", call, e.Message)
			}
		}
	})
}

func TestPagesThatRepeatThemselves(t *testing.T) {
	asked := 0
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"servers": [{"id": "a"}], "servers_links": [{"rel": "next", "href": "http://elsewhere.invalid/"}]}`)
	})
	_, err := s.open(t).Servers.List(t.Context())
	if !providers.IsKind(err, providers.KindTransient) || asked != 2 {
		t.Errorf("got %v after %d requests, want a transient error after 2", err, asked)
	}
}

func TestPagesFollowTheMarker(t *testing.T) {
	var queries []string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.Query().Get("marker"))
		page := len(queries)
		if page < 3 {
			_, _ = fmt.Fprintf(w, `{"servers": [{"id": "s%d"}, {"id": "t%d"}], "servers_links": [{"rel": "next", "href": "http://wrong.invalid/"}]}`, page, page)
			return
		}
		_, _ = io.WriteString(w, `{"servers": [{"id": "t2"}, {"id": "last"}]}`) // overlaps: something before it was deleted
	})
	all, err := s.open(t).Servers.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, server := range all {
		ids = append(ids, server.ID)
	}
	if diff := cmp.Diff([]string{"s1", "t1", "s2", "t2", "last"}, ids); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", "t1", "t2"}, queries); diff != "" {
		t.Errorf("markers (-want +got):\n%s", diff)
	}
}

// TestPagesWhoseMarkerVanishes: the list begins anew, and keeps nothing of what it had.
func TestPagesWhoseMarkerVanishes(t *testing.T) {
	var queries []string
	lost := 0
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		marker := r.URL.Query().Get("marker")
		queries = append(queries, marker)
		switch {
		case marker != "" && lost > 0:
			lost--
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"badRequest": {"code": 400, "message": "marker [a] not found"}}`)
		case marker == "" && len(queries) == 1:
			_, _ = io.WriteString(w, `{"servers": [{"id": "a"}], "servers_links": [{"rel": "next", "href": "http://x.invalid/"}]}`)
		case marker == "":
			_, _ = io.WriteString(w, `{"servers": [{"id": "b"}], "servers_links": [{"rel": "next", "href": "http://x.invalid/"}]}`)
		default:
			_, _ = io.WriteString(w, `{"servers": [{"id": "c"}]}`)
		}
	})
	lost = 1
	all, err := s.open(t).Servers.List(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != "b" || all[1].ID != "c" {
		t.Errorf("the servers are %+v, %v", all, err)
	}
	if diff := cmp.Diff([]string{"", "a", "", "b"}, queries); diff != "" {
		t.Errorf("markers (-want +got):\n%s", diff)
	}
	lost = 100
	if _, err := s.open(t).Servers.List(t.Context()); !providers.IsKind(err, providers.KindInvalid) || len(queries) > 4+10 {
		t.Errorf("markers that always vanish: %v after %d requests", err, len(queries)-4)
	}
}

func TestServersOfACellThatIsDownAreUnknownNotAbsent(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"servers": [{"id": "s1", "status": "UNKNOWN", "tenant_id": "p1", "created": "2026-01-02T03:04:05Z", "links": []}]}`)
	})
	all, err := s.open(t).Servers.List(t.Context())
	want := []providers.Server{{ID: "s1", Status: "UNKNOWN", Metadata: map[string]string{}, CreatedAt: "2026-01-02T03:04:05Z"}}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestForeignRulesKeepTheirWords(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"security_group": {"id": "g", "name": "g", "security_group_rules": [
			{"id": "1", "direction": "egress", "ethertype": "IPv4"},
			{"id": "2", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
			{"id": "3", "direction": "ingress", "ethertype": "IPv6", "protocol": "6", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": null},
			{"id": "4", "direction": "ingress", "ethertype": "IPv4", "protocol": "udp", "port_range_min": 53, "port_range_max": 60, "remote_ip_prefix": "10.0.0.0/8"},
			{"id": "5", "direction": "ingress", "ethertype": "IPv4", "protocol": null, "remote_group_id": "g"}]}}`)
	})
	got, err := s.open(t).SecurityGroups.Get(t.Context(), "g")
	want := []providers.Rule{
		{ID: "5", Other: "any protocol from group g"}, {ID: "4", CIDR: "10.0.0.0/8", Other: "udp 53-60 from 10.0.0.0/8"},
		{ID: "2", Port: 22, CIDR: "0.0.0.0/0"}, {ID: "3", Port: 22, CIDR: "::/0"},
	}
	if diff := cmp.Diff(want, got.Rules); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestHostileIdsReachNoService(t *testing.T) {
	asked := 0
	s := newStub(t, func(http.ResponseWriter, *http.Request) { asked++ })
	cloud := s.open(t)
	for _, id := range []string{"", "..", "a/b", "x?y=z", "x#", "a b", strings.Repeat("x", 500)} {
		if _, err := cloud.Servers.Get(t.Context(), id); !providers.IsKind(err, providers.KindNotFound) {
			t.Errorf("id %q: got %v, want not found", id, err)
		}
		if err := cloud.Volumes.Delete(t.Context(), id); err != nil {
			t.Errorf("deleting id %q: %v", id, err)
		}
	}
	if asked != 0 {
		t.Errorf("%d requests were made", asked)
	}
}
