package mariadb

import (
	"testing"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// agentsValues are what the agent that dies in TestAgent has configured.
var agentsValues = engine.Settings{"max_connections": "123"}

func TestAgent(t *testing.T) {
	enginetest.DieAsAgent(t, func(h engine.Host) (engine.Engine, error) { return New(h) }, agentsValues)
}

func TestEngineOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	enginetest.OutlivesItsAgent(t, h, newEngine(t, h), agentsValues)
}
