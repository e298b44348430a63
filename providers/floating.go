package providers

import "context"

// FloatingIPs are Neutron floating IPs: addresses of an external network that lead to a port. A cloud without routers has none.
// A port that is deleted leaves its floating IP without one.
type FloatingIPs interface {
	// Create allocates one, and associates it with the port that the spec names in the same call.
	Create(ctx context.Context, spec FloatingIPSpec) (FloatingIP, error)
	Get(ctx context.Context, id string) (FloatingIP, error)
	List(ctx context.Context) ([]FloatingIP, error)
	// Associate leads it to a port, from wherever it led before; empty: to none. A port that has another one of the same
	// network is KindConflict, and one that no router joins with the external network is KindInvalid, as in Create.
	Associate(ctx context.Context, id, port string) error
	Delete(ctx context.Context, id string) error
}

// FloatingIP is a Neutron floating IP. NetworkID is the external network.
type FloatingIP struct {
	ID        string
	NetworkID string
	Address   string
	PortID    string // that it leads to; empty: none
	Mark      Mark
	CreatedAt string
}

// FloatingIPSpec asks for a floating IP.
type FloatingIPSpec struct {
	Mark      Mark
	Provider  string // alias of the cloud; empty: the default one
	NetworkID string
	PortID    string // empty: none yet
}
