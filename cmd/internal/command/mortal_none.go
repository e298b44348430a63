//go:build !killpoints

package command

import "github.com/trovectl/trovectl/state"

// mortal is nothing in a trovectl that people use: mortal.go says what it is in the one that the crash tests kill.
func (*Meta) mortal(store state.Store) state.Store { return store }

// haste is none.
func (*Meta) haste() haste { return haste{} }
