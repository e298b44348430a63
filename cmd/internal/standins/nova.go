package standins

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"github.com/trovectl/trovectl/providers/emulator"
)

// Compute 2.47: a server shows its flavor's memory (2.47) and its user-data (2.3); both need an administrator.
const computeVersion = "2.47"

// A server is what a hypervisor knows of one of its machines.
type server struct {
	machine emulator.Machine
	host    string
	runs    bool // Nova takes it for running
	changed time.Time
}

// wanted tells whether a machine has to run for it.
func (s server) wanted() bool { return s.runs && s.machine.Address != "" }

// nova is the control plane that the hosts belong to, asked as an administrator.
type nova struct {
	compute, volume, image *gophercloud.ServiceClient
	projects               []string
	images                 map[string]string // names by id
}

// openNova logs in to the cloud of clouds.yaml. Servers of other projects are left out, if there are any given.
func openNova(ctx context.Context, cloud string, projects []string) (*nova, error) {
	auth, where, tls, err := clouds.Parse(clouds.WithCloudName(cloud))
	if err != nil {
		return nil, fmt.Errorf("reading clouds.yaml: %w", err)
	}
	auth.AllowReauth = true
	provider, err := config.NewProviderClient(ctx, auth, config.WithTLSConfig(tls))
	if err != nil {
		return nil, fmt.Errorf("logging in to cloud %s: %w", cloud, err)
	}
	n := &nova{projects: projects, images: map[string]string{}}
	for _, open := range []struct {
		to   **gophercloud.ServiceClient
		with func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{{&n.compute, openstack.NewComputeV2}, {&n.volume, openstack.NewBlockStorageV3}, {&n.image, openstack.NewImageV2}} {
		if *open.to, err = open.with(provider, where); err != nil {
			return nil, fmt.Errorf("finding the services of cloud %s: %w", cloud, err)
		}
	}
	n.compute.Microversion = computeVersion
	return n, nil
}

// look lists the servers that have a host, or had one and keep their disk, and the sizes of all volumes by id, in GiB.
func (n *nova) look(ctx context.Context) (found []server, sizes map[string]int, err error) {
	page, err := servers.List(n.compute, servers.ListOpts{AllTenants: true}).AllPages(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listing servers: %w", err)
	}
	all, err := servers.ExtractServers(page)
	if err != nil {
		return nil, nil, fmt.Errorf("listing servers: %w", err)
	}
	if sizes, err = n.sizes(ctx); err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		if s.Host == "" && s.Status != "SHELVED_OFFLOADED" || len(n.projects) > 0 && !slices.Contains(n.projects, s.TenantID) {
			continue // not placed yet, or not ours
		}
		known, err := n.server(ctx, s, sizes)
		if err != nil {
			return nil, nil, fmt.Errorf("server %s: %w", s.ID, err)
		}
		found = append(found, known)
	}
	return found, sizes, nil
}

func (n *nova) sizes(ctx context.Context) (map[string]int, error) {
	page, err := volumes.List(n.volume, volumes.ListOpts{AllTenants: true}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing volumes: %w", err)
	}
	all, err := volumes.ExtractVolumes(page)
	if err != nil {
		return nil, fmt.Errorf("listing volumes: %w", err)
	}
	sizes := map[string]int{}
	for _, v := range all {
		sizes[v.ID] = v.Size
	}
	return sizes, nil
}

func (n *nova) server(ctx context.Context, s servers.Server, sizes map[string]int) (server, error) {
	m := emulator.Machine{ID: s.ID, Name: s.Name, Metadata: s.Metadata, Address: firstAddress(s.Addresses)}
	if ram, is := s.Flavor["ram"].(float64); is {
		m.RAMMiB = int(ram)
	}
	if s.Userdata != nil {
		text, err := base64.StdEncoding.DecodeString(*s.Userdata)
		if err != nil {
			return server{}, fmt.Errorf("its user-data: %w", err)
		}
		m.UserData = text
	}
	for _, v := range s.AttachedVolumes {
		m.Volumes = append(m.Volumes, emulator.Disk{VolumeID: v.ID, SizeGiB: sizes[v.ID]})
	}
	if id, is := s.Image["id"].(string); is {
		name, err := n.imageName(ctx, id)
		if err != nil {
			return server{}, err
		}
		m.Image = name
	}
	return server{machine: m, host: s.Host, runs: s.PowerState == servers.RUNNING, changed: s.Updated}, nil
}

// imageName asks once for each image. One that was deleted meanwhile has none.
func (n *nova) imageName(ctx context.Context, id string) (string, error) {
	if name, known := n.images[id]; known {
		return name, nil
	}
	image, err := images.Get(ctx, n.image, id).Extract()
	if gophercloud.ResponseCodeIs(err, 404) {
		image, err = &images.Image{}, nil
	}
	if err != nil {
		return "", fmt.Errorf("asking for image %s: %w", id, err)
	}
	n.images[id] = image.Name
	return image.Name, nil
}

// firstAddress is the fixed IPv4 address of the server, the lowest if there are several; "" while it has none.
func firstAddress(networks map[string]any) string {
	var found []string
	for _, network := range networks {
		entries, _ := network.([]any)
		for _, entry := range entries {
			fields, _ := entry.(map[string]any)
			address, _ := fields["addr"].(string)
			if fields["version"] == float64(4) && fields["OS-EXT-IPS:type"] != "floating" {
				found = append(found, address)
			}
		}
	}
	slices.Sort(found)
	return cmp.Or(append(found, "")...)
}

// reboots counts how often the server was rebooted.
func (n *nova) reboots(ctx context.Context, id string) (int, error) {
	page, err := instanceactions.List(n.compute, id, nil).AllPages(ctx)
	if err != nil {
		return 0, fmt.Errorf("listing the actions of server %s: %w", id, err)
	}
	actions, err := instanceactions.ExtractInstanceActions(page)
	if err != nil {
		return 0, fmt.Errorf("listing the actions of server %s: %w", id, err)
	}
	count := 0
	for _, a := range actions {
		if a.Action == "reboot" {
			count++
		}
	}
	return count, nil
}
