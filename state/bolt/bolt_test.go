package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
	"github.com/trovectl/trovectl/state/statetest"
)

func open(_ *testing.T, dir string) state.Store { return bolt.New(filepath.Join(dir, "trove.db")) }

func TestContract(t *testing.T) { statetest.Run(t, open) }
