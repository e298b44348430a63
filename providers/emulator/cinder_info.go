package emulator

import (
	"fmt"
	"net/http"
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

// cinderRoom refuses what would exceed the quota, with 413 as Cinder does.
func (s *Server) cinderRoom(project string, more, gigabytes int) error {
	count, gb := s.cinderUse(project)
	if !s.opt.quotas.fits("volumes", count+more) {
		return &apiError{status: http.StatusRequestEntityTooLarge, retryAfter: "0",
			message: fmt.Sprintf("VolumeLimitExceeded: Maximum number of volumes allowed (%d) exceeded for quota 'volumes'.", s.opt.quotas.limit("volumes"))}
	}
	if !s.opt.quotas.fits("gigabytes", gb+gigabytes) {
		return &apiError{status: http.StatusRequestEntityTooLarge, retryAfter: "0",
			message: "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota."}
	}
	return nil
}

func (s *Server) cinderLimits(c *call) error {
	have, gb := s.cinderUse(c.project)
	limit := s.opt.quotas.limit
	return c.reply(http.StatusOK, map[string]any{"limits": map[string]any{"rate": []any{}, "absolute": map[string]any{
		"maxTotalVolumes": limit("volumes"), "totalVolumesUsed": have,
		"maxTotalVolumeGigabytes": limit("gigabytes"), "totalGigabytesUsed": gb,
		"maxTotalSnapshots": limit("snapshots"), "totalSnapshotsUsed": count(s.snapshots.all(), func(sn *snapshot) bool { return sn.Project == c.project }),
		"maxTotalBackups": limit("backups"), "totalBackupsUsed": 0,
		"maxTotalBackupGigabytes": limit("backup_gigabytes"), "totalBackupGigabytesUsed": 0,
	}}})
}

// cinderQuotas tells the quotas of the project and, as Cinder does, one of each volume type, which is unlimited.
func (s *Server) cinderQuotas(c *call) error {
	if c.path("of") != c.project {
		return forbidden("The project is not the token's.")
	}
	used := map[string]int{"snapshots": 0, "backups": 0, "backup_gigabytes": 0, "groups": 0, "per_volume_gigabytes": 0}
	used["volumes"], used["gigabytes"] = s.cinderUse(c.project)
	for _, v := range s.volumes.all() {
		if v.Project == c.project {
			used["volumes_"+v.Type]++
			used["gigabytes_"+v.Type] += max(v.Size, v.NewSize)
		}
	}
	for _, t := range volumeTypes {
		for _, what := range []string{"volumes_", "gigabytes_", "snapshots_"} {
			used[what+t] += 0
		}
	}
	q := map[string]any{"id": c.project}
	for name, n := range used {
		if c.query("usage") == "true" || c.query("usage") == "True" {
			q[name] = map[string]any{"limit": s.opt.quotas.limit(name), "in_use": n, "reserved": 0, "allocated": 0}
		} else {
			q[name] = s.opt.quotas.limit(name)
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
