//go:build acceptance

package openstack

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/providertest"
)

// variables are what a cloud calls its things, as the file that TROVE_ACCEPTANCE_VARS names says: HCL, or JSON in a file
// called so. What else stands there is for other tests.
type variables struct {
	Flavor     string   `hcl:"flavor"`
	Image      string   `hcl:"image"`
	Network    string   `hcl:"network"`
	Zone       string   `hcl:"zone,optional"`
	VolumeType string   `hcl:"volume_type,optional"`
	Rest       hcl.Body `hcl:",remain"`
}

func readVariables(t *testing.T) variables {
	t.Helper()
	path := os.Getenv("TROVE_ACCEPTANCE_VARS")
	if path == "" {
		t.Fatal("TROVE_ACCEPTANCE_VARS names no file with flavor, image and network")
	}
	parser := hclparse.NewParser()
	parse := parser.ParseHCLFile
	if strings.HasSuffix(path, ".json") {
		parse = parser.ParseJSONFile
	}
	file, problems := parse(path)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	var v variables
	if problems := gohcl.DecodeBody(file.Body, nil, &v); problems.HasErrors() {
		t.Fatal(problems)
	}
	return v
}

// TestContractOnARealCloud runs the contract in the project of the cloud that TROVE_ACCEPTANCE_CLOUD names, an entry of
// clouds.yaml. The project has to be empty: the contract counts what it makes, and what it made is deleted after each clause.
func TestContractOnARealCloud(t *testing.T) {
	name := os.Getenv("TROVE_ACCEPTANCE_CLOUD")
	if name == "" {
		t.Fatal("TROVE_ACCEPTANCE_CLOUD names no entry of clouds.yaml")
	}
	vars := readVariables(t)
	site := openSite(t, name)
	site.sweep(t)
	site.wantEmpty(t)
	external, foreign := site.networks(t, vars.Network)
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		site.tap.reset()
		t.Cleanup(func() {
			site.sweep(t)
			site.wantEmpty(t)
		})
		return providertest.Fixture{
			Cloud: site.cloud, PageSize: 3, Patience: 5 * time.Minute,
			FlavorName: vars.Flavor, ImageName: vars.Image, Network: vars.Network, Zone: vars.Zone, VolumeType: vars.VolumeType,
			External: external, Foreign: foreign,
			FailBuild:    func(t *testing.T, _ string) { site.tap.unfit(site.unfitImage(t)) },
			LimitServers: site.limitServers(t),
			Deny:         func(_ *testing.T, call string) { site.tap.deny(call) },
			LoseAnswer:   func(_ *testing.T, call string) { site.tap.lose(call) },
			ListCalls:    site.tap.listCalls,
		}
	})
}

// site is a project of a real cloud.
type site struct {
	*client
	cloud *providers.Cloud
	tap   *tap
	image *imageService
	swift *containerService // nil: not there
}

func openSite(t *testing.T, name string) *site {
	t.Helper()
	s := &site{tap: &tap{}}
	stack := middleware.New(middleware.Options{MaxInterval: 2 * time.Second})
	bare, err := Open(t.Context(), Options{Cloud: name, PageSize: 3, Wrap: func(next http.RoundTripper) http.RoundTripper {
		s.tap.next = next
		return stack.Transport(s.tap)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(bare.Identity.Roles, "admin") {
		t.Fatalf("the roles of cloud %q are %v: the contract is for a plain member", name, bare.Identity.Roles)
	}
	s.cloud = stack.Assemble(bare)
	s.image = bare.Images.(*imageService)
	s.client = s.image.client
	s.swift, _ = bare.Containers.(*containerService)
	return s
}

// networks tells whether a network is external, and whether the one of the contract is another project's.
func (s *site) networks(t *testing.T, name string) (external, foreign bool) {
	t.Helper()
	all, err := s.cloud.Networks.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		external = external || n.External
		if n.Name != name {
			continue
		}
		var reply struct {
			Network struct {
				ProjectID string `json:"project_id"`
			}
		}
		if err := s.send(t.Context(), s.cloud.Networks.(*networkService).neutron, "get network", http.MethodGet, "networks/"+n.ID, nil, &reply); err != nil {
			t.Fatal(err)
		}
		foreign = reply.Network.ProjectID != s.projectID
	}
	return external, foreign
}

// limitServers takes the project's own quota, where it is as small as the contract wants it; nil otherwise.
func (s *site) limitServers(t *testing.T) func(*testing.T) int {
	t.Helper()
	all, err := s.cloud.Limits.Compute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.Resource == providers.LimitServers && l.Max >= 1 && l.Max <= 10 {
			return func(*testing.T) int { return l.Max }
		}
	}
	return nil
}

// unfitImage makes an image that no compute host can run, for the project alone.
func (s *site) unfitImage(t *testing.T) string {
	t.Helper()
	body := map[string]any{
		"name": "contract-unfit", "disk_format": "raw", "container_format": "bare", "visibility": "private", "img_hv_type": "xen", "hw_architecture": "sparc",
	}
	var made image
	if err := s.send(t.Context(), s.image.glance, "create image", http.MethodPost, "images", body, &made); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.remove(context.WithoutCancel(t.Context()), s.image.glance, "delete image", "images", made.ID); err != nil {
			t.Error(err)
		}
	})
	upload := &containerService{s.client, s.image.glance}
	_, _, err := upload.raw(t.Context(), swiftRequest{
		call: "upload image", method: http.MethodPut, path: "images/" + made.ID + "/file", body: []byte("no system"),
		headers: map[string]string{"Content-Type": "application/octet-stream"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}
