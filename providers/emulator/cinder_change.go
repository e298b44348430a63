package emulator

import (
	"context"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
)

// names are what volumes and snapshots are called, also by the members' old names, which clients still send.
type names struct {
	Name           *string `json:"name"`
	Description    *string `json:"description"`
	OldName        *string `json:"display_name"`
	OldDescription *string `json:"display_description"`
}

func (n names) apply(name, description *string) {
	set(name, n.OldName)
	set(name, n.Name)
	set(description, n.OldDescription)
	set(description, n.Description)
}

func (s *Server) updateVolume(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Volume struct {
			names
			Metadata map[string]string `json:"metadata"`
		} `json:"volume"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if err := checkMetadata(req.Volume.Metadata); err != nil {
		return err
	}
	req.Volume.apply(&v.Name, &v.Description)
	if req.Volume.Metadata != nil {
		v.Metadata = req.Volume.Metadata
	}
	s.setVolume(v, v.Status)
	return c.reply(http.StatusOK, map[string]any{"volume": s.volumeView(c, v)})
}

func (s *Server) deleteVolume(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	hasSnapshots := slices.ContainsFunc(s.snapshots.all(), func(sn *snapshot) bool { return sn.Volume == v.ID })
	if hasSnapshots || !slices.Contains([]string{volAvailable, volError, "error_restoring", "error_extending"}, v.Status) {
		return badRequest("Invalid volume: Volume status must be available or error or error_restoring or error_extending " +
			"or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, " +
			"or be disassociated from snapshots after volume transfer.")
	}
	s.beginVolumeDelete(v)
	return c.reply(http.StatusAccepted, nil)
}

func (s *Server) beginVolumeDelete(v *volume) {
	s.setVolume(v, volDeleting)
	s.enqueue(v.ID, false, func(ctx context.Context) { s.finishVolumeDelete(ctx, v.ID) })
}

func (s *Server) finishVolumeDelete(ctx context.Context, id string) {
	if !s.wait(ctx, s.opt.VolumeDelay) {
		return
	}
	if err := os.RemoveAll(s.volumeDir(id)); err != nil {
		s.opt.Log.Error("deleting a volume", "volume", id, "error", err)
	}
	s.locked(func() { s.volumes.del(id) })
}

// volumeAction serves POST .../action; the body's only member names the action.
func (s *Server) volumeAction(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Extend *struct {
			NewSize flexInt `json:"new_size"`
		} `json:"os-extend"`
		Retype *struct {
			NewType string `json:"new_type"`
		} `json:"os-retype"`
		Bootable *struct {
			Bootable flexBool `json:"bootable"`
		} `json:"os-set_bootable"`
		ReadOnly *struct {
			ReadOnly flexBool `json:"readonly"`
		} `json:"os-update_readonly_flag"`
		Reset *struct {
			Status string `json:"status"`
		} `json:"os-reset_status"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	switch {
	case req.Extend != nil:
		return s.extendVolume(c, v, int(req.Extend.NewSize))
	case req.Retype != nil:
		return s.retypeVolume(c, v, req.Retype.NewType)
	case req.Bootable != nil:
		v.Bootable = bool(req.Bootable.Bootable)
		s.setVolume(v, v.Status)
		return c.reply(http.StatusOK, nil)
	case req.ReadOnly != nil:
		v.Metadata = clone(v.Metadata)
		v.Metadata["readonly"] = map[bool]string{true: "True", false: "False"}[bool(req.ReadOnly.ReadOnly)]
		s.setVolume(v, v.Status)
		return c.reply(http.StatusAccepted, nil)
	case req.Reset != nil:
		return forbidden("Policy doesn't allow volume_extension:volume_admin_actions:reset_status to be performed.")
	}
	return badRequest("There is no such action")
}

// extendVolume grows a volume; one that is attached needs microversion 3.42.
func (s *Server) extendVolume(c *call, v *volume, size int) error {
	if v.Status != volAvailable && (v.Status != volInUse || c.micro < 42) {
		return badRequest("Invalid volume: Volume %s status must be '('available',)' to extend, currently %s.", v.ID, v.Status)
	}
	if size <= v.Size {
		return badRequest("Invalid input received: New size for extend must be greater than current size. "+
			"(current: %d, extended: %d).", v.Size, size)
	}
	if size > 1<<20 {
		return badRequest("Invalid input received: the size %d is too large", size)
	}
	if err := s.cinderRoom(v.Project, 0, size-v.Size); err != nil {
		return err
	}
	v.NewSize = size
	s.setVolume(v, volExtending)
	s.enqueue(v.ID, false, func(ctx context.Context) { s.finishExtend(ctx, v.ID) })
	return c.reply(http.StatusAccepted, nil)
}

func (s *Server) finishExtend(ctx context.Context, id string) {
	if !s.wait(ctx, s.opt.VolumeDelay) {
		return
	}
	s.locked(func() {
		v, ok := s.volumes.get(id)
		if !ok || v.Status != volExtending {
			return
		}
		status := volAvailable
		if v.Server != "" {
			status = volInUse
		}
		if err := s.writeSize(id, v.NewSize); err != nil {
			s.opt.Log.Error("extending a volume", "volume", id, "error", err)
			status = "error_extending"
		} else {
			v.Size = v.NewSize
		}
		v.NewSize = 0
		s.setVolume(v, status)
	})
}

func (s *Server) retypeVolume(c *call, v *volume, name string) error {
	if v.Status != volAvailable && v.Status != volInUse {
		return badRequest("Invalid volume: Volume status must be available or in-use to retype, currently %s.", v.Status)
	}
	for _, t := range volumeTypes {
		if name == t || name == digest(t)[:32] {
			v.Type = t
			s.setVolume(v, v.Status)
			return c.reply(http.StatusAccepted, nil)
		}
	}
	return notFound("Volume type with name %s could not be found.", name)
}

// metadata is what a request leaves of some metadata: it shows (GET), adds to (POST) or replaces (PUT) them.
func (c *call) metadata(have map[string]string) (map[string]string, error) {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return have, nil
	}
	var req struct {
		Metadata map[string]string `json:"metadata"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	next := map[string]string{}
	if c.r.Method == http.MethodPost {
		next = clone(have)
	}
	maps.Copy(next, req.Metadata)
	return next, checkMetadata(next)
}

// volumeMetadata shows (GET), adds to (POST) or replaces (PUT) the metadata.
func (s *Server) volumeMetadata(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	next, err := c.metadata(v.Metadata)
	if err != nil {
		return err
	}
	if c.r.Method != http.MethodGet {
		v.Metadata = next
		s.setVolume(v, v.Status)
	}
	return c.reply(http.StatusOK, map[string]any{"metadata": clone(next)})
}

func (s *Server) deleteVolumeMetadata(c *call) error {
	v, err := s.volumeOf(c, c.path("id"))
	if err != nil {
		return err
	}
	key := c.path("key")
	if _, ok := v.Metadata[key]; !ok {
		return notFound("Volume %s has no metadata with key %s.", v.ID, key)
	}
	v.Metadata = clone(v.Metadata)
	delete(v.Metadata, key)
	s.setVolume(v, v.Status)
	return c.reply(http.StatusOK, nil)
}

// checkMetadata refuses what Nova and Cinder refuse: empty or long keys, long values, too many of them.
func checkMetadata(m map[string]string) error {
	if len(m) > 128 {
		return forbidden("Maximum number of metadata items exceeds 128")
	}
	for k, v := range m {
		if k == "" || len(k) > 255 || strings.ContainsFunc(k, func(r rune) bool { return r < ' ' || r > '~' }) {
			return badRequest("Invalid input for field/attribute metadata. Value: %q is not a legal key", k)
		}
		if len([]rune(v)) > 255 {
			return badRequest("Invalid input for field/attribute %s. Value is too long", k)
		}
	}
	return nil
}

// cut splits a route's pattern into method and path.
func cut(pattern string) (method, path string, ok bool) { return strings.Cut(pattern, " ") }
