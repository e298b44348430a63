package openstack

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// maxUserData is Nova's limit, in bytes of base64.
const maxUserData = 65535

type serverService struct {
	*client
	nova *gophercloud.ServiceClient
}

// server is what we read of a server, as of compute 2.69.
// https://docs.openstack.org/api-ref/compute/#list-servers-detailed
type server struct {
	ID        string                   `json:"id"`
	Name      string                   `json:"name"`
	Status    string                   `json:"status"`
	TaskState string                   `json:"OS-EXT-STS:task_state"`
	Fault     struct{ Message string } `json:"fault"`
	Locked    bool                     `json:"locked"`
	Flavor    struct {
		Name string `json:"original_name"`
	} `json:"flavor"`
	Image     imageRef              `json:"image"`
	Zone      string                `json:"OS-EXT-AZ:availability_zone"`
	Metadata  map[string]string     `json:"metadata"`
	Addresses map[string][]address  `json:"addresses"`
	Volumes   []struct{ ID string } `json:"os-extended-volumes:volumes_attached"`
	Created   string                `json:"created"`
}

func (s server) identifier() string { return s.ID }

type address struct {
	Addr string `json:"addr"`
	Type string `json:"OS-EXT-IPS:type"`
}

// imageRef is an object, or an empty string for a server that boots from a volume.
type imageRef struct{ ID string }

func (r *imageRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return nil
	}
	var object struct{ ID string }
	if err := decode(text, &object); err != nil {
		return err
	}
	r.ID = object.ID
	return nil
}

func (s server) view() providers.Server {
	v := providers.Server{
		ID: s.ID, Name: s.Name, Status: s.Status, TaskState: s.TaskState, Fault: clean(s.Fault.Message, maxMessage),
		Locked: s.Locked, FlavorName: s.Flavor.Name, ImageID: s.Image.ID, Zone: s.Zone, Mark: providers.ParseMark(s.Metadata[providers.MarkKey]),
		Metadata: unmark(s.Metadata), CreatedAt: instant(s.Created),
	}
	var others []string
	for _, network := range slices.Sorted(maps.Keys(s.Addresses)) {
		for _, a := range s.Addresses[network] {
			if a.Type == "" || a.Type == "fixed" {
				v.Addresses = append(v.Addresses, a.Addr)
			} else {
				others = append(others, a.Addr)
			}
		}
	}
	v.Addresses = append(v.Addresses, others...)
	for _, volume := range s.Volumes {
		v.VolumeIDs = append(v.VolumeIDs, volume.ID)
	}
	return v
}

// unmark leaves the mark out of metadata.
func unmark(metadata map[string]string) map[string]string {
	plain := maps.Clone(metadata)
	if plain == nil {
		plain = map[string]string{}
	}
	delete(plain, providers.MarkKey)
	return plain
}

// Create answers what Nova knows at once, which is the id; the rest is as it was asked for.
func (s *serverService) Create(ctx context.Context, spec providers.ServerSpec) (providers.Server, error) {
	const call = "create server"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.Server{}, err
	}
	if base64.StdEncoding.EncodedLen(len(spec.UserData)) > maxUserData {
		return providers.Server{}, &providers.Error{Kind: providers.KindInvalid, Call: call,
			Message: "user-data is larger than Nova's limit of 65535 bytes"}
	}
	var reply struct{ Server struct{ ID string } }
	body := map[string]any{"server": serverBody(spec)}
	if spec.GroupID != "" {
		body["os:scheduler_hints"] = map[string]string{"group": spec.GroupID}
	}
	if err := s.send(ctx, s.nova, call, http.MethodPost, "servers", body, &reply); err != nil {
		return providers.Server{}, err
	}
	if err := nameless(call, reply.Server.ID); err != nil {
		return providers.Server{}, err
	}
	return providers.Server{
		ID: reply.Server.ID, Name: spec.Name, Status: "BUILD", FlavorID: spec.FlavorID, ImageID: spec.ImageID, Zone: spec.Zone,
		Metadata: unmark(spec.Metadata), Mark: spec.Mark, VolumeIDs: slices.Clone(spec.VolumeIDs),
	}, nil
}

func serverBody(spec providers.ServerSpec) map[string]any {
	metadata := unmark(spec.Metadata)
	metadata[providers.MarkKey] = spec.Mark.String()
	networks := []map[string]string{}
	for _, id := range spec.PortIDs {
		networks = append(networks, map[string]string{"port": id})
	}
	body := map[string]any{
		"name": spec.Name, "flavorRef": spec.FlavorID, "imageRef": spec.ImageID, "networks": networks, "metadata": metadata,
	}
	if spec.Zone != "" {
		body["availability_zone"] = spec.Zone
	}
	if len(spec.UserData) > 0 {
		body["user_data"] = base64.StdEncoding.EncodeToString(spec.UserData)
	}
	if spec.ConfigDrive {
		body["config_drive"] = true
	}
	if len(spec.VolumeIDs) > 0 {
		devices := []map[string]any{{"boot_index": 0, "uuid": spec.ImageID, "source_type": "image", "destination_type": "local", "delete_on_termination": true}}
		for _, id := range spec.VolumeIDs {
			devices = append(devices, map[string]any{
				"boot_index": -1, "uuid": id, "source_type": "volume", "destination_type": "volume", "delete_on_termination": false,
			})
		}
		body["block_device_mapping_v2"] = devices
	}
	return body
}

func (s *serverService) Get(ctx context.Context, id string) (providers.Server, error) {
	const call = "get server"
	p, err := path(call, "servers", id)
	if err != nil {
		return providers.Server{}, err
	}
	var reply struct{ Server server }
	if err := s.send(ctx, s.nova, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.Server{}, err
	}
	return reply.Server.view(), nil
}

func (s *serverService) List(ctx context.Context) ([]providers.Server, error) {
	all, err := list[server](ctx, s.client, s.nova, "list servers", "servers/detail", "servers", nil)
	return views(all, server.view), err
}

func (s *serverService) Rename(ctx context.Context, id, name string) error {
	const call = "rename server"
	p, err := path(call, "servers", id)
	if err != nil {
		return err
	}
	body := map[string]any{"server": map[string]any{"name": name}}
	return s.send(ctx, s.nova, call, http.MethodPut, p, body, nil)
}

// SetMetadata sends all that is set in one request, and one for each key that goes.
func (s *serverService) SetMetadata(ctx context.Context, id string, set map[string]string, remove []string) error {
	const call = "set server metadata"
	p, err := path(call, "servers", id, "metadata")
	if err != nil {
		return err
	}
	if _, marks := set[providers.MarkKey]; marks || slices.Contains(remove, providers.MarkKey) {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: "the mark cannot be changed"}
	}
	if len(set) > 0 {
		if err := s.send(ctx, s.nova, call, http.MethodPost, p, map[string]any{"metadata": set}, nil); err != nil {
			return err
		}
	}
	for _, key := range remove {
		if !keyForm.MatchString(key) {
			continue // Nova accepts no such key, so it is not there
		}
		err := s.send(ctx, s.nova, call, http.MethodDelete, p+"/"+url.PathEscape(key), nil, nil)
		if err != nil && !providers.IsKind(err, providers.KindNotFound) {
			return err
		}
	}
	return nil
}

// keyForm is Nova's form of a metadata key, without those that a path would swallow.
var keyForm = regexp.MustCompile(`^[a-zA-Z0-9_: -][a-zA-Z0-9_:. -]{0,254}$`)

func (s *serverService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.nova, "delete server", "servers", id)
}
