package memory_test

import (
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/providers/providertest"
)

func TestContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		cloud := memory.New(memory.Options{})
		return providertest.Fixture{
			Cloud: cloud.Cloud(), External: true,
			FailBuild: func(_ *testing.T, message string) {
				cloud.Fail(memory.Fault{Call: "create server", Build: "ERROR", Message: message})
			},
			LimitServers: func(*testing.T) int {
				cloud.SetQuota(memory.Quota{Servers: 2})
				return 2
			},
			Deny: func(_ *testing.T, call string) { cloud.Deny(call) },
			LoseAnswer: func(_ *testing.T, call string) {
				cloud.Fail(memory.Fault{Call: call, When: memory.After, Kind: providers.KindTransient})
			},
			ListCalls: func() int { return cloud.Calls()["list servers"] },
		}
	})
}
