package openstack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// catalog finds the services in a token.
type catalog struct {
	entries      []tokens.CatalogEntry
	region       string
	availability gophercloud.Availability
}

// aliases are the catalog's names of a service, the official one first.
// https://service-types.openstack.org/
var aliases = map[string][]string{
	"compute":       {"compute"},
	"block-storage": {"block-storage", "volumev3", "block-store", "volume"},
	"image":         {"image"},
	"network":       {"network"},
	"object-store":  {"object-store"},
}

// settle chooses the region where none was named and checks that one that was named is there, with addresses of the
// interface that was asked for. Endpoints without a region are in every region.
func (c *catalog) settle() error {
	if err := c.settleRegion(); err != nil {
		return err
	}
	var sides []string
	for _, entry := range c.entries {
		for _, e := range entry.Endpoints {
			if entry.Type != "identity" && c.covers(e) && !slices.Contains(sides, e.Interface) {
				sides = append(sides, e.Interface)
			}
		}
	}
	if slices.Contains(sides, string(c.availability)) {
		return nil
	}
	slices.Sort(sides)
	return fmt.Errorf("has no %s addresses of services, it has %s: choose with interface in clouds.yaml or OS_INTERFACE", c.availability, strings.Join(sides, ", "))
}

func (c *catalog) settleRegion() error {
	var regions []string
	endpoints := 0
	for _, entry := range c.entries {
		if entry.Type == "identity" {
			continue // Keystone often names regions that have nothing else
		}
		for _, e := range entry.Endpoints {
			endpoints++
			if name := regionOf(e); name != "" && !slices.Contains(regions, name) {
				regions = append(regions, name)
			}
		}
	}
	slices.Sort(regions)
	switch {
	case endpoints == 0:
		return errors.New("has an empty catalog: the project has no services, or the user no role in it")
	case c.region == "" && len(regions) > 1:
		return fmt.Errorf("covers several regions: choose one of %s with region_name in clouds.yaml or OS_REGION_NAME", strings.Join(regions, ", "))
	case len(regions) == 0: // none has a region, so whichever was named is as good
	case c.region == "":
		c.region = regions[0]
	case !slices.Contains(regions, c.region):
		return fmt.Errorf("has no region %q, there is %s", c.region, strings.Join(regions, ", "))
	}
	return nil
}

// covers tells whether an endpoint serves the region.
func (c *catalog) covers(e tokens.Endpoint) bool {
	name := regionOf(e)
	return name == "" || name == c.region
}

func regionOf(e tokens.Endpoint) string {
	if e.RegionID != "" {
		return e.RegionID
	}
	return e.Region
}

// find gives a service's endpoint as the catalog has it, with a slash at its end; "" when it is not there.
func (c *catalog) find(service string) string {
	for _, alias := range aliases[service] {
		for _, entry := range c.entries {
			if entry.Type != alias {
				continue
			}
			for _, e := range entry.Endpoints {
				if gophercloud.Availability(e.Interface) == c.availability && c.covers(e) {
					return gophercloud.NormalizeURL(e.URL)
				}
			}
		}
	}
	return ""
}

// service makes the client of one service, or nil. version is what paths begin with where the catalog leaves it out.
func (c *client) service(name, version, microversion string) *gophercloud.ServiceClient {
	endpoint := c.catalog.find(name)
	if endpoint == "" {
		return nil
	}
	if version != "" && !strings.HasSuffix(endpoint, "/"+version+"/") {
		endpoint += version + "/"
	}
	return &gophercloud.ServiceClient{ProviderClient: c.provider, Endpoint: endpoint, Type: name, Microversion: microversion}
}
