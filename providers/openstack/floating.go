package openstack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

type floatingService struct {
	*client
	neutron *gophercloud.ServiceClient
}

// floatingIP is what we read of a floating IP. https://docs.openstack.org/api-ref/network/v2/#floating-ips-floatingips
type floatingIP struct {
	ID          string `json:"id"`
	NetworkID   string `json:"floating_network_id"`
	Address     string `json:"floating_ip_address"`
	PortID      string `json:"port_id"` // null: none
	Description string `json:"description"`
	CreatedAt   string `json:"created_at"`
}

func (f floatingIP) identifier() string { return f.ID }

func (f floatingIP) view() providers.FloatingIP {
	return providers.FloatingIP{
		ID: f.ID, NetworkID: f.NetworkID, Address: f.Address, PortID: f.PortID, Mark: providers.ParseMark(f.Description), CreatedAt: instant(f.CreatedAt),
	}
}

func (s *floatingService) Create(ctx context.Context, spec providers.FloatingIPSpec) (providers.FloatingIP, error) {
	const call = "create floating ip"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.FloatingIP{}, err
	}
	body := map[string]any{"floating_network_id": spec.NetworkID, "description": spec.Mark.String()}
	if spec.PortID != "" {
		body["port_id"] = spec.PortID
	}
	var reply struct{ FloatingIP floatingIP }
	if err := s.send(ctx, s.neutron, call, http.MethodPost, "floatingips", map[string]any{"floatingip": body}, &reply); err != nil {
		return providers.FloatingIP{}, whyNotReachable(err)
	}
	if err := nameless(call, reply.FloatingIP.ID); err != nil {
		return providers.FloatingIP{}, err
	}
	return reply.FloatingIP.view(), nil
}

// whyNotReachable says what Neutron's 404 means: both networks are there, and no router joins them.
func whyNotReachable(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindNotFound && strings.Contains(e.Message, "is not reachable from subnet") {
		e.Kind = providers.KindInvalid
		e.Message = "no router joins the port's network with the external network; add its subnet to a router that has that network as its gateway: " + e.Message
	}
	return err
}

func (s *floatingService) Get(ctx context.Context, id string) (providers.FloatingIP, error) {
	const call = "get floating ip"
	p, err := path(call, "floatingips", id)
	if err != nil {
		return providers.FloatingIP{}, err
	}
	var reply struct{ FloatingIP floatingIP }
	if err := s.send(ctx, s.neutron, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.FloatingIP{}, err
	}
	return reply.FloatingIP.view(), nil
}

// List asks for the project's by name, as with ports. A Neutron without routers does not know the collection: there are none.
func (s *floatingService) List(ctx context.Context) ([]providers.FloatingIP, error) {
	all, err := list[floatingIP](ctx, s.client, s.neutron, "list floating ips", "floatingips", "floatingips", url.Values{"project_id": {s.projectID}})
	if providers.IsKind(err, providers.KindNotFound) {
		return nil, nil
	}
	return views(all, floatingIP.view), err
}

func (s *floatingService) Associate(ctx context.Context, id, port string) error {
	const call = "associate floating ip"
	p, err := path(call, "floatingips", id)
	if err != nil {
		return err
	}
	to := map[string]any{"port_id": nil}
	if port != "" {
		to["port_id"] = port
	}
	return whyNotReachable(s.send(ctx, s.neutron, call, http.MethodPut, p, map[string]any{"floatingip": to}, nil))
}

func (s *floatingService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.neutron, "delete floating ip", "floatingips", id)
}
