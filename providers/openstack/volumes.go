package openstack

import (
	"context"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

type volumeService struct {
	*client
	cinder *gophercloud.ServiceClient
}

// volume is what we read of a volume. https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details
type volume struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Size        int               `json:"size"`
	Type        string            `json:"volume_type"`
	Zone        string            `json:"availability_zone"`
	Metadata    map[string]string `json:"metadata"`
	CreatedAt   string            `json:"created_at"`
	Attachments []struct {
		ServerID string `json:"server_id"`
	} `json:"attachments"`
}

func (v volume) identifier() string { return v.ID }

func (v volume) view() providers.Volume {
	out := providers.Volume{
		ID: v.ID, Name: v.Name, Status: v.Status, SizeGiB: v.Size, Type: v.Type, Zone: v.Zone, Metadata: unmark(v.Metadata),
		Mark: providers.ParseMark(v.Metadata[providers.MarkKey]), CreatedAt: instant(v.CreatedAt),
	}
	for _, a := range v.Attachments {
		out.ServerIDs = append(out.ServerIDs, a.ServerID)
	}
	return out
}

func (s *volumeService) Create(ctx context.Context, spec providers.VolumeSpec) (providers.Volume, error) {
	const call = "create volume"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.Volume{}, err
	}
	body := map[string]any{
		"name": spec.Name, "size": spec.SizeGiB, "metadata": map[string]string{providers.MarkKey: spec.Mark.String()},
	}
	if spec.Type != "" {
		body["volume_type"] = spec.Type
	}
	if spec.Zone != "" {
		body["availability_zone"] = spec.Zone
	}
	var reply struct{ Volume volume }
	if err := s.send(ctx, s.cinder, call, http.MethodPost, "volumes", map[string]any{"volume": body}, &reply); err != nil {
		return providers.Volume{}, err
	}
	if err := nameless(call, reply.Volume.ID); err != nil {
		return providers.Volume{}, err
	}
	made := reply.Volume.view()
	made.Mark = spec.Mark
	return made, nil
}

func (s *volumeService) Get(ctx context.Context, id string) (providers.Volume, error) {
	const call = "get volume"
	p, err := path(call, "volumes", id)
	if err != nil {
		return providers.Volume{}, err
	}
	var reply struct{ Volume volume }
	if err := s.send(ctx, s.cinder, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.Volume{}, err
	}
	return reply.Volume.view(), nil
}

func (s *volumeService) List(ctx context.Context) ([]providers.Volume, error) {
	all, err := list[volume](ctx, s.client, s.cinder, "list volumes", "volumes/detail", "volumes", nil)
	return views(all, volume.view), err
}

func (s *volumeService) Extend(ctx context.Context, id string, sizeGiB int) error {
	const call = "extend volume"
	p, err := path(call, "volumes", id, "action")
	if err != nil {
		return err
	}
	body := map[string]any{"os-extend": map[string]any{"new_size": sizeGiB}}
	return s.send(ctx, s.cinder, call, http.MethodPost, p, body, nil)
}

func (s *volumeService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.cinder, "delete volume", "volumes", id)
}

type volumeType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (t volumeType) identifier() string { return t.ID }

func (s *volumeService) Types(ctx context.Context) ([]string, error) {
	all, err := list[volumeType](ctx, s.client, s.cinder, "list volume types", "types", "volume_types", nil)
	names := views(all, func(t volumeType) string { return t.Name })
	slices.Sort(names)
	return names, err
}
