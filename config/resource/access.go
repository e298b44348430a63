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

// Openings are what the security group of an instance lets in, sorted: the engine's port for the allowed CIDRs, the agent's
// SSH port for the source CIDRs. Of an engine that is not known there are none.
func (i *Instance) Openings() []Opening {
	var all []Opening
	if engine, known := catalog.Lookup(i.Manager); known {
		for _, cidr := range i.Access.AllowedCIDRs {
			all = append(all, Opening{engine.Port, cidr})
		}
	}
	for _, cidr := range i.Guest.SourceCIDRs {
		all = append(all, Opening{i.Guest.SSHPort(), cidr})
	}
	slices.SortFunc(all, func(a, b Opening) int { return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.CIDR, b.CIDR)) })
	return slices.Compact(all)
}

// AccessKey is a digest of what the instance lets in and of the cloud it is in: instances with the same key share one
// security group. 24 characters of lower-case hex.
func (i *Instance) AccessKey() string {
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%q", i.Provider) // a hash takes everything
	for _, o := range i.Openings() {
		_, _ = fmt.Fprintf(hash, "\n%d %q", o.Port, o.CIDR)
	}
	return hex.EncodeToString(hash.Sum(nil)[:12])
}
