package emulator_test

import (
	"fmt"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

// BenchmarkListing lists 2000 servers and their ports in pages of 1000, which a plan of a large fleet does.
func BenchmarkListing(b *testing.B) {
	c := open(b, emulator.Options{})
	image, private := c.imageID(b), c.privateNetwork(b)
	for i := range 2000 {
		p, err := ports.Create(b.Context(), c.network, ports.CreateOpts{NetworkID: private, Name: fmt.Sprint(i)}).Extract()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := servers.Create(b.Context(), c.compute, servers.CreateOpts{
			Name: fmt.Sprint(i), FlavorRef: "d1", ImageRef: image, Networks: []servers.Network{{Port: p.ID}},
		}, nil).Extract(); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := servers.List(c.compute, servers.ListOpts{Limit: 1000}).AllPages(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := ports.List(c.network, ports.ListOpts{Limit: 1000}).AllPages(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
