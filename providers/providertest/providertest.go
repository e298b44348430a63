// Package providertest is the contract that every cloud keeps: one suite, run against the fake in memory, against the
// embedded OpenStack, and against a real one.
package providertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// Fixture is one cloud under test, with a project that nobody else changes. Functions may be nil where a cloud cannot be
// made to do it; the clause is then left out.
type Fixture struct {
	Cloud *providers.Cloud

	PageSize   int           // objects per page of a list; 0: lists have no pages
	Patience   time.Duration // for one wait; default one minute
	ImageName  string        // of an image that boots; default: any
	FlavorName string        // default: any
	Network    string        // name of a network with a subnet; default: any that is not external
	Foreign    bool          // the network is another project's, who alone chooses addresses
	Zone       string        // of servers and volumes; default: the last one
	VolumeType string        // of volumes; default: the cloud's choice
	External   bool          // there is an external network

	// FailBuild makes the next server that is created end in ERROR with a fault text that begins with this.
	FailBuild func(t *testing.T, message string)
	// LimitServers sees to it that few servers fit into the project's quota, and tells how many: at least one, at most ten.
	LimitServers func(t *testing.T) int
	// Deny makes the cloud refuse a call ("create volume") by policy.
	Deny func(t *testing.T, call string)
	// LoseAnswer makes the next such create take effect and its answer get lost.
	LoseAnswer func(t *testing.T, call string)
	// ListCalls tells how many list calls for servers reached the cloud so far.
	ListCalls func() int
}

// Run runs every clause, each against a cloud of its own.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	groups := []struct {
		name    string
		clauses []clause
	}{
		{"marks", markClauses},
		{"lists", listClauses},
		{"servers", serverClauses},
		{"actions", actionClauses},
		{"by hand", handClauses},
		{"resizes", resizeClauses},
		{"volumes", volumeClauses},
		{"ports", portClauses},
		{"security groups", groupClauses},
		{"floating ips", floatingClauses},
		{"server groups", serverGroupClauses},
		{"images", imageClauses},
		{"containers", containerClauses},
		{"limits", limitClauses},
		{"errors", errorClauses},
		{"waits", waitClauses},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.clauses {
				t.Run(c.name, func(t *testing.T) { c.check(begin(t, open(t))) })
			}
		})
	}
}

type clause struct {
	name  string
	check func(k *kit)
}

// kit is a fixture with short ways to make things. Its methods end the test on an error.
type kit struct {
	*testing.T
	Fixture
	ctx context.Context

	flavor  providers.Flavor
	image   providers.Image
	network providers.Network
	zone    string
	intents int
}

func begin(t *testing.T, f Fixture) *kit {
	t.Helper()
	if f.Patience == 0 {
		f.Patience = time.Minute
	}
	k := &kit{T: t, Fixture: f, ctx: t.Context()}
	flavors := must(f.Cloud.Flavors.List(k.ctx))(k)
	images := must(f.Cloud.Images.List(k.ctx))(k)
	networks := must(f.Cloud.Networks.List(k.ctx))(k)
	zones := must(f.Cloud.Networks.Zones(k.ctx))(k)
	k.flavor = pick(k, flavors, func(x providers.Flavor) bool { return f.FlavorName == "" || x.Name == f.FlavorName })
	k.image = pick(k, images, func(x providers.Image) bool {
		return x.Status == providers.ImageActive && (f.ImageName == "" || x.Name == f.ImageName)
	})
	k.network = pick(k, networks, func(x providers.Network) bool {
		return len(x.Subnets) > 0 && (f.Network == "" && !x.External || x.Name == f.Network)
	})
	k.zone = cmp.Or(f.Zone, zones[len(zones)-1])
	return k
}

// must ends the test when a call failed: must(call())(k).
func must[T any](object T, err error) func(k *kit) T {
	return func(k *kit) T {
		k.Helper()
		if err != nil {
			k.Fatalf("%v", err)
		}
		return object
	}
}

func pick[T any](k *kit, all []T, fits func(T) bool) T {
	k.Helper()
	i := slices.IndexFunc(all, fits)
	if i < 0 {
		k.Fatalf("none of %+v fits", all)
	}
	return all[i]
}

func (k *kit) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatalf("%v", err)
	}
}

// Lineage is the lineage of all marks that the contract makes.
const Lineage = "abcd0123"

// mark gives a mark that nothing bears yet.
func (k *kit) mark() providers.Mark {
	k.intents++
	return providers.Mark{Lineage: Lineage, Member: fmt.Sprintf("m%d", k.intents), Intent: fmt.Sprintf("i%019d", k.intents)}
}

func (k *kit) volume(gib int) providers.Volume {
	k.Helper()
	spec := providers.VolumeSpec{Mark: k.mark(), Name: "contract-volume", SizeGiB: gib, Type: k.VolumeType, Zone: k.zone}
	made := must(k.Cloud.Volumes.Create(k.ctx, spec))(k)
	return k.waitVolume(made.ID, "available")
}

func (k *kit) port(groups ...string) providers.Port {
	k.Helper()
	spec := providers.PortSpec{Mark: k.mark(), Name: "contract-port", NetworkID: k.network.ID, SecurityGroups: groups}
	return must(k.Cloud.Ports.Create(k.ctx, spec))(k)
}

func (k *kit) group(rules ...providers.Rule) providers.SecurityGroup {
	k.Helper()
	spec := providers.SecurityGroupSpec{Mark: k.mark(), Name: "contract-group", Rules: rules}
	return must(k.Cloud.SecurityGroups.Create(k.ctx, spec))(k)
}

// spec asks for the smallest server on a port.
func (k *kit) spec(port string, volumes ...string) providers.ServerSpec {
	return providers.ServerSpec{
		Mark: k.mark(), Name: "contract-server", FlavorID: k.flavor.ID, ImageID: k.image.ID, Zone: k.zone,
		PortIDs: []string{port}, VolumeIDs: volumes, Metadata: map[string]string{"purpose": "contract"},
		UserData: []byte("#cloud-config\n{}\n"),
	}
}

// server makes a server on a port of its own and waits until it is ACTIVE.
func (k *kit) server(volumes ...string) providers.Server {
	k.Helper()
	made := must(k.Cloud.Servers.Create(k.ctx, k.spec(k.port().ID, volumes...)))(k)
	return k.waitServer(made.ID, "ACTIVE")
}

func (k *kit) waitServer(id, status string) providers.Server {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, k.Patience)
	defer cancel()
	got, err := k.Cloud.ServerWaits.Wait(ctx, id, func(s providers.Server, present bool) (bool, error) {
		if status == gone {
			return !present, nil
		}
		if present && s.Status == "ERROR" && status != "ERROR" {
			return false, fmt.Errorf("server %s is in ERROR: %s", id, s.Fault)
		}
		return present && s.Status == status, nil
	})
	if err != nil {
		k.Fatalf("waiting for server %s to be %s, last seen %+v: %v", id, status, got, err)
	}
	return got
}

func (k *kit) waitVolume(id, status string) providers.Volume {
	k.Helper()
	return k.waitVolumeUntil(id, status, func(v providers.Volume) bool { return v.Status == status })
}

func (k *kit) waitVolumeUntil(id, what string, fits func(providers.Volume) bool) providers.Volume {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, k.Patience)
	defer cancel()
	got, err := k.Cloud.VolumeWaits.Wait(ctx, id, func(v providers.Volume, present bool) (bool, error) {
		if what == gone {
			return !present, nil
		}
		return present && fits(v), nil
	})
	if err != nil {
		k.Fatalf("waiting for volume %s to be %s, last seen %+v: %v", id, what, got, err)
	}
	return got
}

// gone is the status of an object that a complete list lacks.
const gone = "gone"

// wantKind fails the test unless err is a *providers.Error of the kind that names the call.
func (k *kit) wantKind(err error, call string, kinds ...providers.ErrorKind) {
	k.Helper()
	e := &providers.Error{}
	is := errors.As(err, &e)
	if !is {
		k.Errorf("%s: got %T (%v), want a *providers.Error of kind %v", call, err, err, kinds)
		return
	}
	if !slices.Contains(kinds, e.Kind) {
		k.Errorf("%s: got kind %q (%v), want %v", call, e.Kind, e, kinds)
	}
	if e.Call != call {
		k.Errorf("error names the call %q, want %q", e.Call, call)
	}
}
