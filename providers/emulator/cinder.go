package emulator

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// volume is a Cinder volume; its size is in GiB. Its data lives in Dir/volumes/ID.
type volume struct {
	ID, Project, Name, Description string
	Status                         string
	Size, NewSize                  int
	Type, AZ                       string
	Image, Snapshot, Source        string // what it was made of
	Bootable                       bool
	Metadata                       map[string]string
	Server, Device, Attachment     string // the server it is attached to, or reserved for
	AttachedAt                     time.Time
	Created, Updated               time.Time
}

// Statuses of volumes (https://docs.openstack.org/api-ref/block-storage/v3/#volumes-volumes).
const (
	volCreating  = "creating"
	volAvailable = "available"
	volReserved  = "reserved"
	volAttaching = "attaching"
	volInUse     = "in-use"
	volDetaching = "detaching"
	volExtending = "extending"
	volDeleting  = "deleting"
	volError     = "error"
)

var volumeTypes = []string{"ssd", "hdd"}

func (s *Server) cinderRoutes() []route {
	r := func(pattern string, h func(*call) error) route {
		method, path, _ := cut(pattern)
		return route{service: volumes, pattern: method + " /volume/v3/{project}" + path, handle: func(c *call) error {
			if c.path("project") != c.project {
				return badRequest("Malformed request url")
			}
			return h(c)
		}}
	}
	return []route{
		r("GET /volumes", func(c *call) error { return s.listVolumes(c, false) }),
		r("GET /volumes/detail", func(c *call) error { return s.listVolumes(c, true) }),
		r("POST /volumes", s.createVolume),
		r("GET /volumes/{id}", s.showVolume),
		r("PUT /volumes/{id}", s.updateVolume),
		r("DELETE /volumes/{id}", s.deleteVolume),
		r("POST /volumes/{id}/action", s.volumeAction),
		r("GET /volumes/{id}/metadata", s.volumeMetadata),
		r("POST /volumes/{id}/metadata", s.volumeMetadata),
		r("PUT /volumes/{id}/metadata", s.volumeMetadata),
		r("DELETE /volumes/{id}/metadata/{key}", s.deleteVolumeMetadata),
		r("GET /types", s.listVolumeTypes),
		r("GET /types/{id}", s.showVolumeType),
		r("GET /limits", s.cinderLimits),
		r("GET /os-quota-sets/{of}", s.cinderQuotas),
		r("GET /os-availability-zone", s.cinderZones),
		r("GET /snapshots", s.listSnapshots),
		r("GET /snapshots/detail", s.listSnapshots),
		r("POST /snapshots", s.createSnapshot),
		r("GET /snapshots/{id}", s.showSnapshot),
		r("PUT /snapshots/{id}", s.updateSnapshot),
		r("DELETE /snapshots/{id}", s.deleteSnapshot),
		r("GET /snapshots/{id}/metadata", s.snapshotMetadata),
		r("POST /snapshots/{id}/metadata", s.snapshotMetadata),
		r("PUT /snapshots/{id}/metadata", s.snapshotMetadata),
		r("POST /types", func(*call) error {
			return forbidden("Policy doesn't allow volume_extension:type_create to be performed.")
		}),
	}
}

func (s *Server) volumeOf(c *call, id string) (*volume, error) {
	v, ok := s.volumes.get(id)
	if !ok || v.Project != c.project {
		return nil, notFound("Volume %s could not be found.", id)
	}
	return v, nil
}

func (s *Server) volumeView(c *call, v *volume) map[string]any {
	attachments := []any{}
	if v.Server != "" && (v.Status == volInUse || v.Status == volDetaching || v.Status == volExtending) {
		attachments = append(attachments, map[string]any{
			"id": v.ID, "volume_id": v.ID, "server_id": v.Server, "device": v.Device, "attachment_id": v.Attachment,
			"attached_at": micro(v.AttachedAt), "host_name": nil,
		})
	}
	out := map[string]any{
		"id": v.ID, "name": v.Name, "description": orNil(v.Description), "status": v.Status, "size": v.Size,
		"volume_type": v.Type, "availability_zone": v.AZ, "attachments": attachments, "metadata": clone(v.Metadata),
		"bootable": strconv.FormatBool(v.Bootable), "encrypted": false, "multiattach": false, "replication_status": nil,
		"snapshot_id": orNil(v.Snapshot), "source_volid": orNil(v.Source), "consistencygroup_id": nil,
		"user_id": s.userID(), "os-vol-tenant-attr:tenant_id": v.Project,
		"created_at": micro(v.Created), "updated_at": changedAt(v.Created, v.Updated), "links": s.volumeLinks(c, v.ID),
	}
	if c.micro >= 13 {
		out["group_id"] = nil
	}
	if c.micro >= 48 {
		out["shared_targets"], out["service_uuid"] = false, nil
	}
	if v.Image != "" {
		if img, ok := s.images.get(v.Image); ok {
			out["volume_image_metadata"] = map[string]string{"image_id": img.ID, "image_name": img.Name}
		}
	}
	return out
}

func (s *Server) volumeLinks(c *call, id string) []any {
	self := s.base(c.r) + "/volume/v3/" + c.project + "/volumes/" + id
	return []any{link("self", self), link("bookmark", self)}
}

func (s *Server) listVolumes(c *call, detail bool) error {
	q := c.r.URL.Query()
	match := []*volume{}
	for _, v := range s.volumes.newest() {
		if v.Project == c.project && wants(q, "name", v.Name) && wants(q, "status", v.Status) &&
			wants(q, "availability_zone", v.AZ) && wants(q, "id", v.ID) {
			match = append(match, v)
		}
	}
	page, more, err := pageOf(c, match, func(v *volume) string { return v.ID }, maxLimit)
	if err != nil {
		return err
	}
	out := make([]any, len(page))
	for i, v := range page {
		if detail {
			out[i] = s.volumeView(c, v)
		} else {
			out[i] = map[string]any{"id": v.ID, "name": v.Name, "links": s.volumeLinks(c, v.ID)}
		}
	}
	answer := map[string]any{"volumes": out}
	if more {
		answer["volumes_links"] = []any{link("next", s.nextLink(c, page[len(page)-1].ID))}
	}
	return c.reply(http.StatusOK, answer)
}

func (s *Server) showVolume(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"volume": s.volumeView(c, v)})
}

// volumeSpec is the body of a creation.
type volumeSpec struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Size        flexInt           `json:"size"`
	Type        string            `json:"volume_type"`
	AZ          string            `json:"availability_zone"`
	Metadata    map[string]string `json:"metadata"`
	Snapshot    string            `json:"snapshot_id"`
	Source      string            `json:"source_volid"`
	Image       string            `json:"imageRef"`
}

func (s *Server) createVolume(c *call) error {
	var req struct {
		Volume volumeSpec `json:"volume"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	v, err := s.newVolume(c.project, req.Volume)
	if err != nil {
		return err
	}
	view := s.volumeView(c, v)
	delete(view, "os-vol-tenant-attr:tenant_id") // which only what is there tells
	return c.reply(http.StatusAccepted, map[string]any{"volume": view})
}

// newVolume checks a specification and begins to make the volume.
func (s *Server) newVolume(project string, in volumeSpec) (*volume, error) {
	if err := s.checkSource(project, &in); err != nil {
		return nil, err
	}
	if in.Size <= 0 || in.Size > 1<<20 {
		return nil, badRequest("Invalid input for field/attribute size. Value: %d. %d is less than the minimum of 1", in.Size, in.Size)
	}
	if in.Type == "" || in.Type == "__DEFAULT__" {
		in.Type = volumeTypes[0]
	}
	if i := slices.IndexFunc(volumeTypes, func(n string) bool { return in.Type == n || in.Type == digest(n)[:32] }); i < 0 {
		return nil, notFound("Volume type with name %s could not be found.", in.Type)
	} else {
		in.Type = volumeTypes[i]
	}
	if in.AZ == "" {
		in.AZ = zones[0]
	}
	if !slices.Contains(zones, in.AZ) {
		return nil, badRequest("Availability zone '%s' is invalid.", in.AZ)
	}
	if len(in.Name) > 255 {
		return nil, badRequest("Invalid input for field/attribute name. '%s' is too long", in.Name)
	}
	if err := checkMetadata(in.Metadata); err != nil {
		return nil, err
	}
	if err := s.cinderRoom(project, 1, int(in.Size)); err != nil {
		return nil, err
	}
	now := s.now()
	v := &volume{
		ID: s.uuid(), Project: project, Name: in.Name, Description: in.Description, Status: volCreating, Size: int(in.Size),
		Type: in.Type, AZ: in.AZ, Image: in.Image, Snapshot: in.Snapshot, Source: in.Source, Bootable: in.Image != "",
		Metadata: clone(in.Metadata), Created: now, Updated: now,
	}
	s.volumes.put(v.ID, v)
	s.startCreate(v)
	return v, nil
}

// checkSource refuses volumes made of what does not exist or is in use, and settles the size and the type of the others.
func (s *Server) checkSource(project string, in *volumeSpec) error {
	least, kind := 0, ""
	switch {
	case in.Snapshot != "":
		sn, ok := s.snapshots.get(in.Snapshot)
		if !ok || sn.Project != project {
			return notFound("Snapshot %s could not be found.", in.Snapshot)
		}
		if sn.Status != volAvailable {
			return badRequest("Invalid snapshot: Originating snapshot status must be one of 'available' values")
		}
		least, kind = sn.Size, "snapshot"
		if v, ok := s.volumes.get(sn.Volume); ok && in.Type == "" {
			in.Type = v.Type
		}
	case in.Source != "":
		v, ok := s.volumes.get(in.Source)
		if !ok || v.Project != project {
			return notFound("Volume %s could not be found.", in.Source)
		}
		if v.Status != volAvailable {
			return badRequest("Invalid volume: Originating volume status must be one of 'available' values")
		}
		if least, kind = v.Size, "volume"; in.Type == "" {
			in.Type = v.Type
		}
	}
	if in.Size == 0 {
		in.Size = flexInt(least)
	}
	if in.Size > 0 && int(in.Size) < least {
		return badRequest("Invalid input received: Volume size '%d'GB cannot be smaller than the %s size %dGB. They must be >= original %s size.",
			in.Size, kind, least, kind)
	}
	if in.Image != "" {
		if _, ok := s.images.get(in.Image); !ok {
			return badRequest("Invalid image identifier or unable to access requested image.")
		}
	}
	return nil
}

// volumeDir is where the data of a volume lives.
func (s *Server) volumeDir(id string) string { return filepath.Join(s.opt.Dir, "volumes", id) }

// writeSize makes the volume's directory and writes its size in GiB beside the data.
func (s *Server) writeSize(id string, size int) error {
	if err := os.MkdirAll(filepath.Join(s.volumeDir(id), "disk"), 0o755); err != nil {
		return fmt.Errorf("making the disk of volume %s: %w", id, err)
	}
	if err := os.Chmod(s.volumeDir(id), 0o755); err != nil { // machines may run their engines as other users
		return fmt.Errorf("opening the disk of volume %s: %w", id, err)
	}
	return writeFile(filepath.Join(s.volumeDir(id), "size"), []byte(strconv.Itoa(size)+"\n"))
}

// startCreate makes the volume in the queue of what it is made of, which therefore stays until it is copied.
func (s *Server) startCreate(v *volume) {
	id, source := v.ID, v.Snapshot+v.Source
	queue := source
	if queue == "" {
		queue = id
	}
	s.enqueue(queue, false, func(ctx context.Context) { s.finishCreate(ctx, id, source) })
}

func (s *Server) finishCreate(ctx context.Context, id, source string) {
	if !s.wait(ctx, s.opt.VolumeDelay) {
		return
	}
	var err error
	if source != "" {
		if err = copyDisk(ctx, s.volumeDir(source), s.volumeDir(id)); ctx.Err() != nil {
			return
		}
	}
	s.locked(func() {
		v, ok := s.volumes.get(id)
		if !ok || v.Status != volCreating {
			return
		}
		if err == nil {
			err = s.writeSize(id, v.Size)
		}
		if err != nil {
			s.opt.Log.Error("creating a volume", "volume", id, "error", err)
			s.setVolume(v, volError)
			return
		}
		s.setVolume(v, volAvailable)
	})
}

func (s *Server) setVolume(v *volume, status string) {
	v.Status, v.Updated = status, s.now()
	s.volumes.put(v.ID, v)
}
