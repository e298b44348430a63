package observe

import (
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
)

// care overwrites what a guest tells of root, logs and TLS. What its engine has not, it does not tell.
func care(body *resource.Instance, seen guest.Inspection) {
	if root := seen.Root; root != nil {
		had := body.Root
		body.Root = nil
		if root.Enabled {
			body.Root = &resource.Password{Engine: root.VerifierDigest}
			if had != nil {
				body.Root.Digest = had.Digest
			}
		}
	}
	if len(seen.Logs) > 0 {
		body.Logs = nil
		for _, log := range seen.Logs {
			if log.Enabled && !log.Fixed {
				body.Logs = append(body.Logs, log.Name)
			}
		}
		slices.Sort(body.Logs)
	}
	if seen.TLS != nil {
		body.TLS.Required = seen.TLS.Required
	}
}

// nearlyFull is how much of a data volume is used when that is worth telling, in percent.
const nearlyFull = 90

// engineConditions are what an engine itself is worth telling of.
func engineConditions(asked inspected, tell func(code, text string, args ...any)) {
	switch {
	case asked.Status == guest.StatusReadOnly:
		tell("engine_read_only", "the engine takes no writes, and no apply asked for that: its log says why (`trovectl logs`); a full disk or a hand may have done it")
	case asked.Status != "" && !tells(asked.Status):
		tell("engine_"+string(asked.Status), "the engine is %s", asked.Status)
	}
	disk := asked.Volume
	if disk == nil || disk.UsedBytes <= 0 || disk.FreeBytes < 0 {
		return
	}
	if used := int(100 * float64(disk.UsedBytes) / (float64(disk.UsedBytes) + float64(disk.FreeBytes))); used >= nearlyFull {
		tell("disk_nearly_full", "%d %% of its disk are used: make volume.size larger, or free something", used)
	}
}
