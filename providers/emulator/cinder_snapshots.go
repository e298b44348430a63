package emulator

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// snapshot is a copy of a volume's data, in a directory of its own beside those of the volumes.
type snapshot struct {
	ID, Project, Name, Description string
	Volume, Status                 string
	Size                           int // GiB
	Metadata                       map[string]string
	Created, Updated               time.Time
}

func (s *Server) snapshotView(sn *snapshot) map[string]any {
	return map[string]any{
		"id": sn.ID, "name": sn.Name, "description": orNil(sn.Description), "volume_id": sn.Volume, "status": sn.Status, "size": sn.Size,
		"metadata": clone(sn.Metadata), "created_at": micro(sn.Created), "updated_at": changedAt(sn.Created, sn.Updated),
		"user_id": s.userID(), "group_snapshot_id": nil,
	}
}

// changedAt is null until something changed.
func changedAt(created, updated time.Time) any {
	if !updated.After(created) {
		return nil
	}
	return micro(updated)
}

func (s *Server) detailedSnapshot(sn *snapshot) map[string]any {
	v := s.snapshotView(sn)
	v["os-extended-snapshot-attributes:progress"] = map[bool]string{true: "100%", false: "0%"}[sn.Status == volAvailable]
	v["os-extended-snapshot-attributes:project_id"] = sn.Project
	return v
}

func (s *Server) snapshotOf(c *call, id string) (*snapshot, error) {
	sn, ok := s.snapshots.get(id)
	if !ok || sn.Project != c.project {
		return nil, notFound("Snapshot %s could not be found.", id)
	}
	return sn, nil
}

func (s *Server) listSnapshots(c *call) error {
	q := c.r.URL.Query()
	match := []*snapshot{}
	for _, sn := range s.snapshots.newest() {
		if sn.Project == c.project && wants(q, "name", sn.Name) && wants(q, "status", sn.Status) && wants(q, "volume_id", sn.Volume) {
			match = append(match, sn)
		}
	}
	page, more, err := pageOf(c, match, func(sn *snapshot) string { return sn.ID }, maxLimit)
	if err != nil {
		return err
	}
	out := make([]any, len(page))
	for i, sn := range page {
		out[i] = s.detailedSnapshot(sn)
	}
	answer := map[string]any{"snapshots": out}
	if more {
		answer["snapshots_links"] = []any{link("next", s.nextLink(c, page[len(page)-1].ID))}
	}
	return c.reply(http.StatusOK, answer)
}

func (s *Server) showSnapshot(c *call) error {
	sn, err := s.snapshotOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"snapshot": s.detailedSnapshot(sn)})
}

// createSnapshot copies a volume that no server uses. One in use would be copied while its files change, which helps nobody.
// https://docs.openstack.org/api-ref/block-storage/v3/#create-a-snapshot
func (s *Server) createSnapshot(c *call) error {
	var req struct {
		Snapshot struct {
			Volume      string            `json:"volume_id"`
			Name        string            `json:"name"`
			Description string            `json:"description"`
			Metadata    map[string]string `json:"metadata"`
		} `json:"snapshot"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Snapshot
	v, err := s.volumeOf(c, in.Volume)
	if err != nil {
		return err
	}
	if v.Status != volAvailable {
		return badRequest("Invalid volume: Volume %s status must be available, but current status is: %s.", v.ID, v.Status)
	}
	if err := checkMetadata(in.Metadata); err != nil {
		return err
	}
	if used := count(s.snapshots.all(), func(o *snapshot) bool { return o.Project == c.project }); !s.opt.quotas.fits("snapshots", used+1) {
		return &apiError{status: http.StatusRequestEntityTooLarge, retryAfter: "0", message: fmt.Sprintf(
			"SnapshotLimitExceeded: Maximum number of snapshots allowed (%d) exceeded", s.opt.quotas.limit("snapshots"))}
	}
	now := s.now()
	sn := &snapshot{
		ID: s.uuid(), Project: c.project, Name: in.Name, Description: in.Description, Volume: v.ID, Status: volCreating, Size: v.Size,
		Metadata: clone(in.Metadata), Created: now, Updated: now,
	}
	s.snapshots.put(sn.ID, sn)
	s.startSnapshot(sn)
	return c.reply(http.StatusAccepted, map[string]any{"snapshot": s.snapshotView(sn)})
}

func (s *Server) startSnapshot(sn *snapshot) {
	id, source := sn.ID, sn.Volume
	s.enqueue(source, false, func(ctx context.Context) {
		if !s.wait(ctx, s.opt.VolumeDelay) {
			return
		}
		err := copyDisk(ctx, s.volumeDir(source), s.volumeDir(id))
		if ctx.Err() != nil {
			return
		}
		s.locked(func() {
			sn, ok := s.snapshots.get(id)
			if !ok {
				return
			}
			status := volAvailable
			if err != nil {
				s.opt.Log.Error("making a snapshot", "snapshot", id, "error", err)
				status = volError
			}
			s.setSnapshot(sn, status)
		})
	})
}

// copyDisk copies the data of one volume to another, with owners and modes; what lies there already is replaced.
func copyDisk(ctx context.Context, from, to string) error {
	if err := os.RemoveAll(filepath.Join(to, "disk")); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", filepath.Join(from, "disk"), to).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the disk: %w: %s", err, out)
	}
	return nil
}

func (s *Server) setSnapshot(sn *snapshot, status string) {
	sn.Status, sn.Updated = status, s.now()
	s.snapshots.put(sn.ID, sn)
}

func (s *Server) updateSnapshot(c *call) error {
	sn, err := s.snapshotOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Snapshot names `json:"snapshot"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	req.Snapshot.apply(&sn.Name, &sn.Description)
	s.setSnapshot(sn, sn.Status)
	return c.reply(http.StatusOK, map[string]any{"snapshot": s.snapshotView(sn)})
}

// snapshotMetadata shows (GET), adds to (POST) or replaces (PUT) the metadata.
func (s *Server) snapshotMetadata(c *call) error {
	sn, err := s.snapshotOf(c, c.path("id"))
	if err != nil {
		return err
	}
	next, err := c.metadata(sn.Metadata)
	if err != nil {
		return err
	}
	if c.r.Method != http.MethodGet {
		sn.Metadata = next
		s.setSnapshot(sn, sn.Status)
	}
	return c.reply(http.StatusOK, map[string]any{"metadata": clone(next)})
}

func (s *Server) deleteSnapshot(c *call) error {
	sn, err := s.snapshotOf(c, c.path("id"))
	if err != nil {
		return err
	}
	if !slices.Contains([]string{volAvailable, volError}, sn.Status) {
		return badRequest("Invalid snapshot: Snapshot status must be available or error, but is: %s.", sn.Status)
	}
	s.setSnapshot(sn, volDeleting)
	s.startSnapshotDelete(sn)
	return c.reply(http.StatusAccepted, nil)
}

// startSnapshotDelete waits for the volumes that are being made of the snapshot: they stand before it in its queue.
func (s *Server) startSnapshotDelete(sn *snapshot) {
	id := sn.ID
	s.enqueue(id, false, func(ctx context.Context) {
		if !s.wait(ctx, s.opt.VolumeDelay) {
			return
		}
		if err := os.RemoveAll(s.volumeDir(id)); err != nil {
			s.opt.Log.Error("deleting a snapshot", "snapshot", id, "error", err)
		}
		s.locked(func() { s.snapshots.del(id) })
	})
}
