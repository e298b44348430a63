package emulator

import "net/http"

// Cinder's default quotas (cinder/quota.py).
const (
	cinderVolumes   = 10
	cinderGigabytes = 1000
	cinderSnapshots = 10
)

func (s *Server) listVolumeTypes(c *call) error {
	out := []any{}
	for _, t := range volumeTypes {
		out = append(out, volumeTypeView(t))
	}
	return c.reply(http.StatusOK, map[string]any{"volume_types": out})
}

func volumeTypeView(name string) map[string]any {
	return map[string]any{
		"id": digest(name)[:32], "name": name, "is_public": true, "description": nil,
		"os-volume-type-access:is_public": true, "qos_specs_id": nil, "extra_specs": map[string]string{},
	}
}

func (s *Server) showVolumeType(c *call) error {
	for _, t := range volumeTypes {
		if id := c.path("id"); id == digest(t)[:32] || id == t || id == "default" {
			return c.reply(http.StatusOK, map[string]any{"volume_type": volumeTypeView(t)})
		}
	}
	return notFound("Volume type %s could not be found.", c.path("id"))
}

// cinderUse counts what a project has: volumes and their GiB.
func (s *Server) cinderUse(project string) (count, gigabytes int) {
	for _, v := range s.volumes.all() {
		if v.Project == project {
			count, gigabytes = count+1, gigabytes+max(v.Size, v.NewSize)
		}
	}
	return count, gigabytes
}

// limit is a quota's number: -1 when quotas are off.
func (s *Server) limit(n int) int {
	if s.opt.Quotas == quotasUnlimited {
		return -1
	}
	return n
}

// cinderRoom refuses what would exceed the quota, with 413 as Cinder does.
func (s *Server) cinderRoom(project string, more, gigabytes int) error {
	if s.opt.Quotas == quotasUnlimited {
		return nil
	}
	count, gb := s.cinderUse(project)
	if count+more > cinderVolumes {
		return &apiError{status: http.StatusRequestEntityTooLarge, retryAfter: "0",
			message: "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'."}
	}
	if gb+gigabytes > cinderGigabytes {
		return &apiError{status: http.StatusRequestEntityTooLarge, retryAfter: "0",
			message: "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota."}
	}
	return nil
}

func (s *Server) cinderLimits(c *call) error {
	count, gb := s.cinderUse(c.project)
	return c.reply(http.StatusOK, map[string]any{"limits": map[string]any{"rate": []any{}, "absolute": map[string]any{
		"maxTotalVolumes": s.limit(cinderVolumes), "totalVolumesUsed": count,
		"maxTotalVolumeGigabytes": s.limit(cinderGigabytes), "totalGigabytesUsed": gb,
		"maxTotalSnapshots": s.limit(cinderSnapshots), "totalSnapshotsUsed": 0,
		"maxTotalBackups": s.limit(10), "totalBackupsUsed": 0,
		"maxTotalBackupGigabytes": s.limit(1000), "totalBackupGigabytesUsed": 0,
	}}})
}

func (s *Server) cinderQuotas(c *call) error {
	if c.path("of") != c.project {
		return forbidden("The project is not the token's.")
	}
	count, gb := s.cinderUse(c.project)
	q := map[string]any{"id": c.project}
	for _, e := range []struct {
		name      string
		max, used int
	}{
		{"volumes", cinderVolumes, count}, {"gigabytes", cinderGigabytes, gb}, {"snapshots", cinderSnapshots, 0},
		{"backups", 10, 0}, {"backup_gigabytes", 1000, 0}, {"groups", 10, 0}, {"per_volume_gigabytes", -1, 0},
	} {
		if c.query("usage") == "true" || c.query("usage") == "True" {
			q[e.name] = map[string]any{"limit": s.limit(e.max), "in_use": e.used, "reserved": 0, "allocated": 0}
		} else {
			q[e.name] = s.limit(e.max)
		}
	}
	return c.reply(http.StatusOK, map[string]any{"quota_set": q})
}

func (s *Server) cinderZones(c *call) error {
	out := []any{}
	for _, z := range zones {
		out = append(out, map[string]any{"zoneName": z, "zoneState": map[string]any{"available": true}})
	}
	return c.reply(http.StatusOK, map[string]any{"availabilityZoneInfo": out})
}

// listSnapshots is always empty: this cloud's volumes are directories in use by live engines, of which it takes no copies.
func (s *Server) listSnapshots(c *call) error {
	return c.reply(http.StatusOK, map[string]any{"snapshots": []any{}})
}

func (s *Server) showSnapshot(c *call) error {
	return notFound("Snapshot %s could not be found.", c.path("id"))
}

// createSnapshot refuses as Cinder does when no backend can take the snapshot.
func (s *Server) createSnapshot(c *call) error {
	return badRequest("Invalid volume: the volume's backend does not support snapshots.")
}
