// Package executor does what a plan says, once, whatever dies in between: it walks the steps in the order of their needs
// and hands each to the one straight-line actuator of its kind.
package executor

import (
	"time"

	"github.com/trovectl/trovectl/planner/plan"
)

// Event is something worth telling while a plan is applied. The set is sealed: Started, Progress, Done, Failure, Skipped.
type Event interface{ event() }

// Started: the step has begun.
type Started struct{ Step plan.Step }

// Progress: what the step waits for or has reached, for a person. It holds no secret.
type Progress struct {
	Step plan.Step
	Text string
}

// Done: the step has ended well and is recorded.
type Done struct {
	Step  plan.Step
	Took  time.Duration
	Notes []string // "adopted server 1f.. of an earlier run"
}

// Failure: the step has failed; what it had made is recorded.
type Failure struct {
	Step plan.Step
	Took time.Duration
	Err  error
}

// Skipped: a step that this one needs has failed, or the apply was interrupted.
type Skipped struct {
	Step    plan.Step
	Because string // the id of the culprit, or "interrupted"
}

func (Started) event()  {}
func (Progress) event() {}
func (Done) event()     {}
func (Failure) event()  {}
func (Skipped) event()  {}
