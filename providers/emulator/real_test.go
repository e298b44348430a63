package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/trovectl/trovectl/providers/emulator"
)

// This file holds what a real OpenStack was seen to do where the emulator once did otherwise.

// wantSays asserts that err is an answer with the given status and text.
func wantSays(t testing.TB, err error, code int, text string) {
	t.Helper()
	wantCode(t, err, code)
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %q in it", err, text)
	}
}

// TestATwinOnOnePort: Nova looks at a port when it takes the creation and again on the host; between them a twin is taken,
// fails, and takes the port from the first.
func TestATwinOnOnePort(t *testing.T) {
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{BuildDelay: time.Second, Clock: clock})
	p := c.port(t, "orders")
	create := func(name string) (string, error) {
		sv, err := c.createServer(t, name, p.ID, "")
		if err != nil {
			return "", err
		}
		return sv.ID, nil
	}
	settle := func(id, status string) {
		t.Helper()
		eventually(t, "server "+status, func() bool {
			clock.advance(0)
			sv, err := servers.Get(t.Context(), c.compute, id).Extract()
			return must(t, sv, err).Status == status
		})
	}
	first, err := create("first")
	must(t, first, err)
	twin, err := create("twin")
	must(t, twin, err)
	settle(first, "ACTIVE")
	settle(twin, "ERROR")
	sv, err := servers.Get(t.Context(), c.compute, twin).Extract()
	if must(t, sv, err); !strings.Contains(sv.Fault.Message, "Failed to allocate the network(s)") {
		t.Errorf("the twin's fault is %q", sv.Fault.Message)
	}
	sv, err = servers.Get(t.Context(), c.compute, first).Extract()
	if must(t, sv, err); len(sv.Addresses) != 0 {
		t.Errorf("the first kept %v", sv.Addresses)
	}
	got, err := ports.Get(t.Context(), c.network, p.ID).Extract()
	if must(t, got, err); got.DeviceID != "" {
		t.Errorf("the port belongs to %q", got.DeviceID)
	}
}

func TestAPortThatIsBoundIsRefused(t *testing.T) {
	c := open(t, emulator.Options{})
	p := c.port(t, "orders")
	sv, err := c.createServer(t, "first", p.ID, "")
	must(t, sv, err)
	c.waitServer(t, sv.ID, "ACTIVE")
	_, err = c.createServer(t, "twin", p.ID, "")
	wantSays(t, err, 409, "is still in use")
}

func TestAServerThatIsBeingMade(t *testing.T) {
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{BuildDelay: time.Second, Clock: clock})
	sv, err := c.createServer(t, "orders", c.port(t, "orders").ID, "")
	must(t, sv, err)
	wantSays(t, servers.Stop(t.Context(), c.compute, sv.ID).ExtractErr(), 404, "could not be found")
	_, err = servers.UpdateMetadata(t.Context(), c.compute, sv.ID, servers.MetadataOpts{"a": "b"}).Extract()
	wantSays(t, err, 409, "Cannot 'update metadata' instance "+sv.ID+" while it is in vm_state building")
	_, err = servers.Update(t.Context(), c.compute, sv.ID, servers.UpdateOpts{Name: "renamed"}).Extract()
	must(t, 0, err)
}

func TestALockedServer(t *testing.T) {
	c := open(t, emulator.Options{})
	sv, err := c.createServer(t, "orders", c.port(t, "orders").ID, "")
	must(t, sv, err)
	c.waitServer(t, sv.ID, "ACTIVE")
	must(t, 0, servers.Lock(t.Context(), c.compute, sv.ID).ExtractErr())
	locked := "Instance " + sv.ID + " is locked"
	wantSays(t, servers.Stop(t.Context(), c.compute, sv.ID).ExtractErr(), 409, locked)
	wantSays(t, servers.Delete(t.Context(), c.compute, sv.ID).ExtractErr(), 409, locked)
	_, err = servers.UpdateMetadata(t.Context(), c.compute, sv.ID, servers.MetadataOpts{"a": "b"}).Extract()
	wantSays(t, err, 409, locked)
	_, err = servers.Update(t.Context(), c.compute, sv.ID, servers.UpdateOpts{Name: "renamed"}).Extract()
	must(t, 0, err)
	must(t, 0, servers.Unlock(t.Context(), c.compute, sv.ID).ExtractErr())
	must(t, 0, servers.Delete(t.Context(), c.compute, sv.ID).ExtractErr())
}

func TestResizesThatCannotBe(t *testing.T) {
	c := open(t, emulator.Options{})
	sv, err := c.createServer(t, "orders", c.port(t, "orders").ID, "")
	must(t, sv, err)
	c.waitServer(t, sv.ID, "ACTIVE")
	wantSays(t, servers.ConfirmResize(t.Context(), c.compute, sv.ID).ExtractErr(), 409, "Cannot 'confirmResize' instance")
	wantSays(t, servers.RevertResize(t.Context(), c.compute, sv.ID).ExtractErr(), 409, "Cannot 'revertResize' instance")
	err = servers.Resize(t.Context(), c.compute, sv.ID, servers.ResizeOpts{FlavorRef: "nope"}).ExtractErr()
	wantSays(t, err, 400, "Flavor nope could not be found.")
}

func TestOnlyItsOwnerChoosesAddressesOfANetwork(t *testing.T) {
	c := open(t, emulator.Options{})
	ao := c.authOptions()
	ao.TenantName = "alt_demo"
	other, err := openstack.AuthenticatedClient(t.Context(), ao)
	must(t, other, err)
	network, err := openstack.NewNetworkV2(other, gophercloud.EndpointOpts{Region: "RegionOne"})
	must(t, network, err)
	opts := ports.CreateOpts{NetworkID: c.privateNetwork(t), FixedIPs: []ports.IP{{IPAddress: "127.66.0.77"}}}
	_, err = ports.Create(t.Context(), network, opts).Extract()
	wantSays(t, err, 403, "create_port:fixed_ips:ip_address")
	opts.FixedIPs = nil
	_, err = ports.Create(t.Context(), network, opts).Extract()
	must(t, 0, err)
}

// unsecured is a network whose ports have no security groups.
type unsecured struct{ networks.CreateOpts }

func (u unsecured) ToNetworkCreateMap() (map[string]any, error) {
	return map[string]any{"network": map[string]any{"name": u.Name, "port_security_enabled": false}}, nil
}

func TestANetworkWithoutPortSecurity(t *testing.T) {
	c := open(t, emulator.Options{})
	n, err := networks.Create(t.Context(), c.network, unsecured{networks.CreateOpts{Name: "open"}}).Extract()
	must(t, n, err)
	sub, err := subnets.Create(t.Context(), c.network, subnets.CreateOpts{NetworkID: n.ID, CIDR: "10.99.0.0/24", IPVersion: 4}).Extract()
	must(t, sub, err)
	groups := c.port(t, "secured").SecurityGroups // the project's default group
	_, err = ports.Create(t.Context(), c.network, ports.CreateOpts{NetworkID: n.ID, SecurityGroups: &groups}).Extract()
	wantSays(t, err, 400, "Port security must be enabled")
	p, err := ports.Create(t.Context(), c.network, ports.CreateOpts{NetworkID: n.ID}).Extract()
	if must(t, p, err); len(p.SecurityGroups) != 0 {
		t.Errorf("the port has %v", p.SecurityGroups)
	}
}
