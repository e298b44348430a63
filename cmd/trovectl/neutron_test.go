package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
	"gopkg.in/yaml.v3"
)

// neutron is somebody who works on the networks of the script's cloud with their API, behind trovectl's back.
type neutron struct {
	ts             *testscript.TestScript
	network, token string
}

func newNeutron(ts *testscript.TestScript) *neutron {
	data, err := os.ReadFile(filepath.Join(ts.Getenv("CLOUD"), "clouds.yaml"))
	ts.Check(err)
	var file struct {
		Clouds map[string]struct {
			Auth struct {
				AuthURL  string `yaml:"auth_url"`
				Username string
				Password string
				Project  string `yaml:"project_name"`
			}
		}
	}
	ts.Check(yaml.Unmarshal(data, &file))
	auth, domain := file.Clouds["dev"].Auth, map[string]any{"id": "default"}
	h := &neutron{ts: ts, network: "http://" + ts.Getenv("LISTEN") + "/network/v2.0/"}
	reply := h.do(http.MethodPost, auth.AuthURL+"/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": auth.Username, "password": auth.Password, "domain": domain},
		}},
		"scope": map[string]any{"project": map[string]any{"name": auth.Project, "domain": domain}},
	}}, nil)
	h.token = reply.Get("X-Subject-Token")
	return h
}

func (h *neutron) do(method, url string, body, into any) http.Header {
	text, err := json.Marshal(body)
	h.ts.Check(err)
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	h.ts.Check(err)
	request.Header.Set("X-Auth-Token", h.token)
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	h.ts.Check(err)
	defer func() { _ = reply.Body.Close() }()
	answer, err := io.ReadAll(reply.Body)
	h.ts.Check(err)
	if reply.StatusCode >= 300 {
		h.ts.Fatalf("%s %s: %d %s", method, url, reply.StatusCode, answer)
	}
	if into != nil {
		h.ts.Check(json.Unmarshal(answer, into))
	}
	return reply.Header
}

// network NAME: makes a network that has a subnet without a gateway.
func networkUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: network NAME")
	}
	var made struct{ Network struct{ ID string } }
	h := newNeutron(ts)
	h.do(http.MethodPost, h.network+"networks", map[string]any{"network": map[string]any{"name": args[0]}}, &made)
	h.do(http.MethodPost, h.network+"subnets", map[string]any{"subnet": map[string]any{
		"network_id": made.Network.ID, "ip_version": 4, "gateway_ip": nil, "cidr": fmt.Sprintf("127.%d.%d.0/24", 1+rand.IntN(9), rand.IntN(256)),
	}}, nil)
}

// opens PORTNAME PROTOCOL PORT CIDR: lets somebody in by a rule in the security group of a port; PORT 0 means all of them.
func opens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: opens PORTNAME PROTOCOL PORT CIDR")
	}
	var ports struct {
		Ports []struct {
			Name   string
			Groups []string `json:"security_groups"`
		}
	}
	h := newNeutron(ts)
	h.do(http.MethodGet, h.network+"ports", nil, &ports)
	for _, port := range ports.Ports {
		if port.Name != args[0] {
			continue
		}
		rule := map[string]any{
			"security_group_id": port.Groups[0], "direction": "ingress", "protocol": args[1], "remote_ip_prefix": args[3], "ethertype": "IPv4",
		}
		if slices.Contains([]byte(args[3]), ':') {
			rule["ethertype"] = "IPv6"
		}
		if args[2] != "0" {
			rule["port_range_min"], rule["port_range_max"] = args[2], args[2]
		}
		h.do(http.MethodPost, h.network+"security-group-rules", map[string]any{"security_group_rule": rule}, nil)
		return
	}
	ts.Fatalf("there is no port %s", args[0])
}

// unplug PORTNAME: removes a port.
func unplug(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unplug PORTNAME")
	}
	var ports struct{ Ports []struct{ ID, Name string } }
	h := newNeutron(ts)
	h.do(http.MethodGet, h.network+"ports", nil, &ports)
	for _, port := range ports.Ports {
		if port.Name == args[0] {
			h.do(http.MethodDelete, h.network+"ports/"+port.ID, nil, nil)
			return
		}
	}
	ts.Fatalf("there is no port %s", args[0])
}
