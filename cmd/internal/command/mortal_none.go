//go:build !killpoints

package command

import (
	"time"

	"github.com/trovectl/trovectl/state"
)

// mortal is nothing in a trovectl that people use: mortal.go says what it is in the one that the crash tests kill.
func (*Meta) mortal(store state.Store) state.Store { return store }

// patience is what providers/openstack says.
func (*Meta) patience() time.Duration { return 0 }
