package routed_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/providers/providertest"
	"github.com/trovectl/trovectl/providers/routed"
)

// fixture is the contract's view of one cloud behind a routed one.
func fixture(cloud *memory.Cloud, whole *providers.Cloud) providertest.Fixture {
	return providertest.Fixture{
		Cloud: whole, External: true,
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
}

func TestContractOfTheDefaultCloud(t *testing.T) {
	providertest.Run(t, func(*testing.T) providertest.Fixture {
		cloud := memory.New(memory.Options{})
		other := &providers.Cloud{Identity: providers.Identity{Region: "R2"}}
		return fixture(cloud, routed.New(cloud.Cloud(), map[string]*providers.Cloud{"west": other}, nil))
	})
}

// TestContractOfAnother runs the contract in the other cloud; the default one offers nothing to make a server of.
func TestContractOfAnother(t *testing.T) {
	providertest.Run(t, func(*testing.T) providertest.Fixture {
		cloud := memory.New(memory.Options{})
		base := memory.New(memory.Options{}).Cloud()
		base.Flavors, base.Networks = nil, nil
		whole := routed.New(base, map[string]*providers.Cloud{"west": cloud.Cloud()}, nil)
		whole.Servers, whole.Volumes, whole.Ports = westServers{whole.Servers}, westVolumes{whole.Volumes}, westPorts{whole.Ports}
		whole.SecurityGroups, whole.Networks = westGroups{whole.SecurityGroups}, westNetworks{whole.Networks}
		whole.FloatingIPs, whole.ServerGroups = westFloating{whole.FloatingIPs}, westServerGroups{whole.ServerGroups}
		whole.Limits, whole.Images = westLimits{whole.Limits}, westImages{whole.Images}
		return fixture(cloud, whole)
	})
}

// The contract knows one cloud: these name the provider in every spec, and take the alias off the names of zones and types.
type (
	westServers      struct{ providers.Servers }
	westVolumes      struct{ providers.Volumes }
	westPorts        struct{ providers.Ports }
	westGroups       struct{ providers.SecurityGroups }
	westNetworks     struct{ providers.Networks }
	westFloating     struct{ providers.FloatingIPs }
	westImages       struct{ providers.Images }
	westServerGroups struct{ providers.ServerGroups }
)

func (w westServers) Create(ctx context.Context, spec providers.ServerSpec) (providers.Server, error) {
	spec.Provider = "west"
	return w.Servers.Create(ctx, spec)
}

func (w westVolumes) Create(ctx context.Context, spec providers.VolumeSpec) (providers.Volume, error) {
	spec.Provider = "west"
	return w.Volumes.Create(ctx, spec)
}

func (w westVolumes) Types(ctx context.Context) ([]string, error) { return ours(w.Volumes.Types(ctx)) }

func (w westPorts) Create(ctx context.Context, spec providers.PortSpec) (providers.Port, error) {
	spec.Provider = "west"
	return w.Ports.Create(ctx, spec)
}

func (w westGroups) Create(ctx context.Context, spec providers.SecurityGroupSpec) (providers.SecurityGroup, error) {
	spec.Provider = "west"
	return w.SecurityGroups.Create(ctx, spec)
}

func (w westFloating) Create(ctx context.Context, spec providers.FloatingIPSpec) (providers.FloatingIP, error) {
	spec.Provider = "west"
	return w.FloatingIPs.Create(ctx, spec)
}

func (w westServerGroups) Create(ctx context.Context, spec providers.ServerGroupSpec) (providers.ServerGroup, error) {
	spec.Provider = "west"
	return w.ServerGroups.Create(ctx, spec)
}

func (w westImages) Create(ctx context.Context, spec providers.ImageSpec) (providers.Image, error) {
	spec.Provider = "west"
	return w.Images.Create(ctx, spec)
}

func (w westImages) List(ctx context.Context) ([]providers.Image, error) {
	all, err := w.Images.List(ctx)
	return slices.DeleteFunc(all, func(i providers.Image) bool { return !strings.HasPrefix(i.ID, "west/") }), err
}

func (w westNetworks) Zones(ctx context.Context) ([]string, error) {
	return ours(w.Networks.Zones(ctx))
}

func ours(names []string, err error) ([]string, error) {
	var out []string
	for _, name := range names {
		if own, west := strings.CutPrefix(name, "west/"); west {
			out = append(out, own)
		}
	}
	return out, err
}

func mark(intent string) providers.Mark {
	return providers.Mark{Lineage: "abcd0123", Member: "m1", Intent: intent}
}

func TestEachCloudKeepsItsOwn(t *testing.T) {
	east, west := memory.New(memory.Options{}), memory.New(memory.Options{})
	whole := routed.New(east.Cloud(), map[string]*providers.Cloud{"west": west.Cloud()}, nil)
	here, err := whole.Volumes.Create(t.Context(), providers.VolumeSpec{Mark: mark("a"), Name: "a", SizeGiB: 1})
	if err != nil {
		t.Fatal(err)
	}
	there, err := whole.Volumes.Create(t.Context(), providers.VolumeSpec{Provider: "west", Mark: mark("b"), Name: "b", SizeGiB: 1})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(here.ID, "/") || !strings.HasPrefix(there.ID, "west/") {
		t.Errorf("the ids are %q and %q", here.ID, there.ID)
	}
	all, err := whole.Volumes.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("listed %d volumes, %v", len(all), err)
	}
	if len(east.Objects().Volumes) != 1 || len(west.Objects().Volumes) != 1 {
		t.Error("each cloud has one volume")
	}
	_, err = whole.Ports.Create(t.Context(), providers.PortSpec{Provider: "west", Mark: mark("c"), NetworkID: "of-the-default-cloud"})
	if !providers.IsKind(err, providers.KindInvalid) {
		t.Errorf("a port in one cloud on a network of another: %v", err)
	}
	_, err = whole.Volumes.Create(t.Context(), providers.VolumeSpec{Provider: "north", Mark: mark("d"), SizeGiB: 1})
	if !providers.IsKind(err, providers.KindInvalid) {
		t.Errorf("a provider that is not there: %v", err)
	}
}

func TestOneCloudThatIsAwayHidesNoOther(t *testing.T) {
	east, west := memory.New(memory.Options{}), memory.New(memory.Options{})
	whole := routed.New(east.Cloud(), map[string]*providers.Cloud{"west": west.Cloud()}, nil)
	if _, err := whole.Volumes.Create(t.Context(), providers.VolumeSpec{Mark: mark("a"), Name: "a", SizeGiB: 1}); err != nil {
		t.Fatal(err)
	}
	west.Fail(memory.Fault{Call: "list volumes", Times: -1, Kind: providers.KindTransient})
	all, err := whole.Volumes.List(t.Context())
	var partial *providers.PartialError
	if !errors.As(err, &partial) || len(all) != 1 {
		t.Fatalf("got %d volumes and %v", len(all), err)
	}
	if _, failed := partial.Failed["west"]; !failed || len(partial.Failed) != 1 {
		t.Errorf("failed are %v", partial.Failed)
	}
	if !providers.IsKind(err, providers.KindTransient) {
		t.Errorf("the kind of the cause is lost: %v", err)
	}
}

func TestACloudOutOfReachHidesNoOther(t *testing.T) {
	east := memory.New(memory.Options{})
	away := &providers.Error{Kind: providers.KindTransient, Call: "authenticate", Message: "connection refused"}
	whole := routed.New(east.Cloud(), nil, map[string]error{"west": away})
	all, err := whole.Flavors.List(t.Context())
	var partial *providers.PartialError
	if len(all) == 0 || !errors.As(err, &partial) || !errors.Is(partial.Failed["west"], away) {
		t.Errorf("got %d flavors and %v", len(all), err)
	}
	if _, err := whole.Servers.Get(t.Context(), "west/4f"); !errors.Is(err, away) {
		t.Errorf("a server there: %v", err)
	}
	if got := whole.ProviderOf("west/4f"); got != "west" {
		t.Errorf("the id is of %q", got)
	}
}

func TestOneCloudIsItself(t *testing.T) {
	base := memory.New(memory.Options{}).Cloud()
	if diff := cmp.Diff(true, routed.New(base, nil, nil) == base); diff != "" {
		t.Error(diff)
	}
}

// westLimits leave out those of the default cloud.
type westLimits struct{ providers.Limits }

func west(all []providers.Limit, err error) ([]providers.Limit, error) {
	return slices.DeleteFunc(all, func(l providers.Limit) bool { return l.Provider != "west" }), err
}

func (l westLimits) Compute(ctx context.Context) ([]providers.Limit, error) {
	return west(l.Limits.Compute(ctx))
}
func (l westLimits) Storage(ctx context.Context) ([]providers.Limit, error) {
	return west(l.Limits.Storage(ctx))
}
func (l westLimits) Network(ctx context.Context) ([]providers.Limit, error) {
	return west(l.Limits.Network(ctx))
}
