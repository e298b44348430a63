package resource

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
)

// DefaultSSHPort is where an agent is reached, unless the guest block names another port.
const DefaultSSHPort = 22

// SSHPort is where the agent is reached.
func (g Guest) SSHPort() int { return cmp.Or(g.Port, DefaultSSHPort) }

// Opening is a TCP port that a network may reach.
type Opening struct {
	Port int
	CIDR string
}

// Managed tells whether the agent is reached on a port of its own, in the management network.
func (i *Instance) Managed() bool { return i.Guest.Network != "" && i.Guest.Network != i.Network }

// Openings are what the security group of an instance's port lets in, sorted: the engine's port for the allowed CIDRs and,
// without a management network, the agent's SSH port for the source CIDRs. Of an engine that is not known there are none.
func (i *Instance) Openings() []Opening {
	var all []Opening
	if engine, known := catalog.Lookup(i.Manager); known {
		all = openings(engine.Port, i.Access.AllowedCIDRs)
	}
	if !i.Managed() {
		all = append(all, openings(i.Guest.SSHPort(), i.Guest.SourceCIDRs)...)
	}
	return sorted(all)
}

// ManagementOpenings are what the security group of the port in the management network lets in, sorted: the agent's SSH port
// for the source CIDRs. Without such a port there are none.
func (i *Instance) ManagementOpenings() []Opening {
	if !i.Managed() {
		return nil
	}
	return sorted(openings(i.Guest.SSHPort(), i.Guest.SourceCIDRs))
}

func openings(port int, cidrs []string) []Opening {
	all := make([]Opening, len(cidrs))
	for n, cidr := range cidrs {
		all[n] = Opening{port, cidr}
	}
	return all
}

func sorted(all []Opening) []Opening {
	slices.SortFunc(all, func(a, b Opening) int { return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.CIDR, b.CIDR)) })
	return slices.Compact(all)
}

// AccessKey is a digest of what the instance's port lets in and of the cloud it is in: ports with the same key share one
// security group. 24 characters of lower-case hex.
func (i *Instance) AccessKey() string { return i.key(i.Openings()) }

// ManagementKey is the same of the port in the management network.
func (i *Instance) ManagementKey() string { return i.key(i.ManagementOpenings()) }

func (i *Instance) key(openings []Opening) string {
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%q", i.Provider) // a hash takes everything
	for _, o := range openings {
		_, _ = fmt.Fprintf(hash, "\n%d %q", o.Port, o.CIDR)
	}
	return hex.EncodeToString(hash.Sum(nil)[:12])
}
