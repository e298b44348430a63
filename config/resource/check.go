package resource

import "slices"

// CheckStatus is what a condition came to. The set is closed; later in it is worse.
type CheckStatus string

// The statuses.
const (
	CheckPass    CheckStatus = "pass"
	CheckUnknown CheckStatus = "unknown" // it names something that is known after apply
	CheckFail    CheckStatus = "fail"
	CheckError   CheckStatus = "error" // it could not be evaluated
)

var checkStatuses = []CheckStatus{CheckPass, CheckUnknown, CheckFail, CheckError}

// Check is what the conditions of one resource, or of one check block, came to together.
type Check struct {
	Address  Address     `json:"address,omitzero"` // zero: of a check block
	Name     string      `json:"name,omitempty"`   // of a check block
	Status   CheckStatus `json:"status"`
	Problems []string    `json:"problems,omitempty"` // the messages of the conditions that do not hold; never a secret
}

// Add takes one more condition into account. An empty problem is none.
func (c *Check) Add(status CheckStatus, problem string) {
	if c.Status == "" || slices.Index(checkStatuses, status) > slices.Index(checkStatuses, c.Status) {
		c.Status = status
	}
	if problem != "" {
		c.Problems = append(slices.Clip(c.Problems), problem)
	}
}
