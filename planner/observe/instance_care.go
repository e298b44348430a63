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
