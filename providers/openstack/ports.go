package openstack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

type portService struct {
	*client
	neutron *gophercloud.ServiceClient
}

// port is what we read of a port. https://docs.openstack.org/api-ref/network/v2/#list-ports
type port struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	NetworkID      string    `json:"network_id"`
	Status         string    `json:"status"`
	Description    string    `json:"description"`
	DeviceID       string    `json:"device_id"`
	SecurityGroups []string  `json:"security_groups"`
	PortSecurity   *bool     `json:"port_security_enabled"` // nil: the cloud does not have that extension
	FixedIPs       []fixedIP `json:"fixed_ips"`
	CreatedAt      string    `json:"created_at"`
}

type fixedIP struct {
	SubnetID string `json:"subnet_id,omitempty"`
	Address  string `json:"ip_address,omitempty"`
}

func (p port) identifier() string { return p.ID }

func (p port) view() providers.Port {
	v := providers.Port{
		ID: p.ID, Name: p.Name, NetworkID: p.NetworkID, Status: p.Status, DeviceID: p.DeviceID,
		SecurityGroups: slices.Sorted(slices.Values(p.SecurityGroups)), Mark: providers.ParseMark(p.Description),
		CreatedAt: instant(p.CreatedAt), Unfiltered: p.PortSecurity != nil && !*p.PortSecurity,
	}
	for _, ip := range p.FixedIPs {
		v.Addresses = append(v.Addresses, ip.Address)
		if !slices.Contains(v.SubnetIDs, ip.SubnetID) {
			v.SubnetIDs = append(v.SubnetIDs, ip.SubnetID)
		}
	}
	return v
}

func (s *portService) Create(ctx context.Context, spec providers.PortSpec) (providers.Port, error) {
	const call = "create port"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.Port{}, err
	}
	body := map[string]any{
		"name": spec.Name, "network_id": spec.NetworkID, "description": spec.Mark.String(),
		"security_groups": listed(spec.SecurityGroups), // also when empty, else Neutron adds the project's default group
	}
	if spec.SubnetID != "" || spec.Address != "" {
		body["fixed_ips"] = []fixedIP{{SubnetID: spec.SubnetID, Address: spec.Address}}
	}
	var reply struct{ Port port }
	if err := s.send(ctx, s.neutron, call, http.MethodPost, "ports", map[string]any{"port": body}, &reply); err != nil {
		return providers.Port{}, whyNoPort(spec, err)
	}
	if err := nameless(call, reply.Port.ID); err != nil {
		return providers.Port{}, err
	}
	return reply.Port.view(), nil
}

// whyNoPort adds what Neutron's own words leave open.
func whyNoPort(spec providers.PortSpec, err error) error {
	var e *providers.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case spec.Address != "" && e.Kind == providers.KindDenied:
		e.Message = "only the owner of a network chooses addresses in it, so leave out " + spec.Address + ": " + e.Message
	case len(spec.SecurityGroups) > 0 && strings.HasPrefix(e.Message, "Port security must be enabled"):
		e.Message = "the network has no port security, so nothing would keep strangers from the port; choose another: " + e.Message
	}
	return e
}

// listed is never null in JSON.
func listed(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

func (s *portService) Get(ctx context.Context, id string) (providers.Port, error) {
	const call = "get port"
	p, err := path(call, "ports", id)
	if err != nil {
		return providers.Port{}, err
	}
	var reply struct{ Port port }
	if err := s.send(ctx, s.neutron, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.Port{}, err
	}
	return reply.Port.view(), nil
}

// List asks for the project's ports by name, because an administrator would get everybody's.
func (s *portService) List(ctx context.Context) ([]providers.Port, error) {
	all, err := list[port](ctx, s.client, s.neutron, "list ports", "ports", "ports", url.Values{"project_id": {s.projectID}})
	return views(all, port.view), err
}

func (s *portService) SetSecurityGroups(ctx context.Context, id string, groups []string) error {
	const call = "set port security groups"
	p, err := path(call, "ports", id)
	if err != nil {
		return err
	}
	port := map[string]any{"security_groups": listed(groups)}
	body := map[string]any{"port": port}
	err = s.send(ctx, s.neutron, call, http.MethodPut, p, body, nil)
	if providers.IsKind(err, providers.KindInvalid) && len(groups) > 0 { // an unfiltered port takes no groups
		port["port_security_enabled"] = true
		err = s.send(ctx, s.neutron, call, http.MethodPut, p, body, nil)
	}
	return err
}

func (s *portService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.neutron, "delete port", "ports", id)
}
