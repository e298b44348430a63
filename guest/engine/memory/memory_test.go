package memory_test

import (
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/memory"
)

func TestContract(t *testing.T) {
	enginetest.Run(t, func(*testing.T) enginetest.Subject {
		e := memory.New("mariadb", time.Now)
		known, _ := catalog.Lookup("mariadb")
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return e }, Crash: e.Crash, Catalog: known, Version: "10.11",
		}
	})
}
