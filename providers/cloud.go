// Package providers says what we need of a cloud, in a cloud's own words. It knows no databases.
package providers

import (
	"context"
	"io"
	"strings"
	"time"
)

// Cloud is the services of one project in one region. A nil service is not there.
type Cloud struct {
	Identity       Identity
	Servers        Servers
	ServerActions  ServerActions
	ServerGroups   ServerGroups
	Attachments    Attachments
	Resizes        Resizes
	Flavors        Flavors
	Volumes        Volumes
	Images         Images
	Networks       Networks
	Ports          Ports
	SecurityGroups SecurityGroups
	FloatingIPs    FloatingIPs
	Containers     Containers
	Limits         Limits
	Broker         Broker // nil: guests are not reached over one
	ServerWaits    Waiter[Server]
	VolumeWaits    Waiter[Volume]
	// Others are the identities of further clouds that are reached through this one, by alias; what is there has an id that
	// Qualify made.
	Others map[string]Identity
}

// Qualify is the id (or the name of a zone or volume type) of something in the cloud with an alias, among those of several
// clouds. The default cloud has no alias, and its ids stay as they are.
func Qualify(alias, id string) string {
	if alias == "" || id == "" {
		return id
	}
	return alias + "/" + id
}

// ProviderOf is the alias of the cloud that an id belongs to; empty: the default one.
func (c *Cloud) ProviderOf(id string) string {
	alias, _, cut := strings.Cut(id, "/")
	if _, known := c.Others[alias]; !cut || !known {
		return ""
	}
	return alias
}

// Bare is an id as its own cloud knows it.
func (c *Cloud) Bare(id string) string {
	if alias := c.ProviderOf(id); alias != "" {
		return strings.TrimPrefix(id, alias+"/")
	}
	return id
}

// Identity is the cloud, project and region that the credentials lead to.
type Identity struct {
	AuthURL     string `json:"auth_url"`
	ProjectID   string `json:"project_id"`
	ProjectName string `json:"project_name"`
	Region      string `json:"region"`
	Cloud       string `json:"-"` // the clouds.yaml entry, when there is one; informative
	// Roles are the names of the token's roles; informative, for policies decide.
	Roles []string `json:"-"`
	// ClockAhead is how far this machine's clock is ahead of the identity service's, to a second or two; 0: it did not tell.
	ClockAhead time.Duration `json:"-"`
}

// The contract of every service below, which providertest checks:
//
//   - Create MUST carry the spec's mark in the create call itself; a spec without a mark is refused (KindInvalid). After an
//     error that is not KindTransient nothing was made. After KindTransient something may have been made: look for the
//     mark before trying again. Implementations MUST NOT retry a create by themselves once the request was sent.
//   - List MUST return every object of the project, complete, page by page inside; a partial list is an error. Of several
//     clouds a *PartialError comes with what the others hold.
//   - Get of an object that is not there is KindNotFound.
//   - Delete of an object that is not there is a success. It MAY return before the object is gone.
//   - A cancelled ctx ends the call soon; nothing is begun after it.
//   - All errors are *Error.

// Servers are Nova servers.
type Servers interface {
	// Create gives the id and what was asked for; addresses, times and the cloud's own choices come with Get and List.
	Create(ctx context.Context, spec ServerSpec) (Server, error)
	Get(ctx context.Context, id string) (Server, error)
	List(ctx context.Context) ([]Server, error)
	Rename(ctx context.Context, id, name string) error
	SetMetadata(ctx context.Context, id string, set map[string]string, remove []string) error
	Delete(ctx context.Context, id string) error
}

// ServerActions act on a living server.
type ServerActions interface {
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Reboot(ctx context.Context, id string, hard bool) error
	Console(ctx context.Context, id string, lines int) (string, error)
	// Act does one of the further actions; the error names "pause server", and so on.
	Act(ctx context.Context, id string, action ServerAction) error
}

// ServerGroups are Nova server groups: servers that are made in one are placed together or apart. A server that is there
// neither joins nor leaves; one that is deleted is no member any more.
type ServerGroups interface {
	// Create puts the mark behind the name: a server group has no other place for it.
	Create(ctx context.Context, spec ServerGroupSpec) (ServerGroup, error)
	Get(ctx context.Context, id string) (ServerGroup, error)
	List(ctx context.Context) ([]ServerGroup, error)
	Delete(ctx context.Context, id string) error // whatever members it has: they stay where they are
}

// ServerAction is one of Nova's actions that need no argument. The set is closed.
type ServerAction string

// The further actions of servers. A shelved server is SHELVED, then SHELVED_OFFLOADED. Of a locked one nobody but an
// administrator may change more than the name: what needs more is KindConflict.
const (
	Pause    ServerAction = "pause"
	Unpause  ServerAction = "unpause"
	Suspend  ServerAction = "suspend"
	Resume   ServerAction = "resume"
	Shelve   ServerAction = "shelve"
	Unshelve ServerAction = "unshelve"
	Lock     ServerAction = "lock"
	Unlock   ServerAction = "unlock"
)

// Call is what an action is called in errors and logs.
func (a ServerAction) Call() string { return string(a) + " server" }

// Attachments give volumes to servers that live and take them away. Both return before it is done: the volume's status tells.
type Attachments interface {
	// Attach is KindConflict where the volume is not available, or its server cannot take one now.
	Attach(ctx context.Context, server, volume string) error
	// Detach of a volume that the server does not have is KindNotFound.
	Detach(ctx context.Context, server, volume string) error
}

// Resizes give a server another flavor, in two steps: Resize leads to VERIFY_RESIZE, where the old machine is kept until
// Confirm or Revert. All return before it is done: the server is ACTIVE (or SHUTOFF, as it was) when it is. In any other
// state than they need it is KindConflict; until the service has found a place for a new server it MAY be KindNotFound.
type Resizes interface {
	// Resize needs a server that is ACTIVE or SHUTOFF. The flavor that it has is KindInvalid.
	Resize(ctx context.Context, id, flavorID string) error
	Confirm(ctx context.Context, id string) error
	Revert(ctx context.Context, id string) error
}

// Flavors are Nova flavors.
type Flavors interface {
	List(ctx context.Context) ([]Flavor, error)
}

// Volumes are Cinder volumes.
type Volumes interface {
	Create(ctx context.Context, spec VolumeSpec) (Volume, error)
	Get(ctx context.Context, id string) (Volume, error)
	List(ctx context.Context) ([]Volume, error)
	Extend(ctx context.Context, id string, sizeGiB int) error // attached or not; returns before it is done
	Delete(ctx context.Context, id string) error
	Types(ctx context.Context) ([]string, error) // names of the volume types, sorted
}

// Images are Glance images: those of the project and those that others show it.
type Images interface {
	// Create makes an image without data, "queued". It is of no use to anybody before Upload.
	Create(ctx context.Context, spec ImageSpec) (Image, error)
	// Upload gives a queued image its data, in qcow2, and returns it "active" and with the digest of what was sent: an image
	// of which the service holds something else is deleted. One that has data is KindConflict. After an error the image
	// may be queued, where Upload can be called again.
	Upload(ctx context.Context, id string, data io.ReadSeeker, size int64) (Image, error)
	Get(ctx context.Context, id string) (Image, error)
	List(ctx context.Context) ([]Image, error)
	Delete(ctx context.Context, id string) error
}

// Networks are Neutron networks with their subnets, and the compute zones.
type Networks interface {
	List(ctx context.Context) ([]Network, error)
	Zones(ctx context.Context) ([]string, error) // available compute zones, sorted
}

// Ports are Neutron ports.
type Ports interface {
	Create(ctx context.Context, spec PortSpec) (Port, error)
	Get(ctx context.Context, id string) (Port, error)
	List(ctx context.Context) ([]Port, error)
	// SetSecurityGroups also turns port security on again, where somebody turned it off and the policy allows that.
	SetSecurityGroups(ctx context.Context, id string, groups []string) error
	Delete(ctx context.Context, id string) error
}

// SecurityGroups are Neutron security groups with their rules. A new group made here has no rules but those asked for:
// the default egress rules stay.
type SecurityGroups interface {
	Create(ctx context.Context, spec SecurityGroupSpec) (SecurityGroup, error)
	Get(ctx context.Context, id string) (SecurityGroup, error)
	List(ctx context.Context) ([]SecurityGroup, error)
	AddRule(ctx context.Context, group string, mark Mark, rule Rule) (Rule, error) // one that exists is a success
	DeleteRule(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error // KindConflict while a port uses it
}

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

// Containers are Swift containers with their objects. An object's name may have slashes, and any characters but NUL. They
// bear no marks: who puts an object chooses its name.
type Containers interface {
	// Ensure makes a container, unless it is there.
	Ensure(ctx context.Context, container string) error
	// Put stores an object whole. With create it is KindConflict where there is one of this name, which stays; the answer
	// of a put that was sent twice may be KindConflict because of the first. A container that is not there is KindNotFound.
	Put(ctx context.Context, spec ObjectSpec) error
	// Get reads an object, in the newest form that the service can find.
	Get(ctx context.Context, container, name string) (Object, error)
	// List gives the names that begin with prefix, complete and sorted; they may lag behind Put and Delete.
	List(ctx context.Context, container, prefix string) ([]string, error)
	// Delete removes an object.
	Delete(ctx context.Context, container, name string) error
}

// Limits tell what the project may have and what it has. Each asks one service once, where that tells both; a service that
// is not there tells nothing, and so does a resource that is not in the answer.
type Limits interface {
	Compute(ctx context.Context) ([]Limit, error)
	Storage(ctx context.Context) ([]Limit, error)
	Network(ctx context.Context) ([]Limit, error)
}

// A Waiter waits for many objects of one service with one list call per tick, however many wait.
type Waiter[T any] interface {
	// Wait looks at the object until done says so or fails. `present` is false when a complete list lacks it and, since lists
	// may be behind, the service does not know its id either. It returns the object as done last saw it. ctx bounds the wait.
	Wait(ctx context.Context, id string, done func(object T, present bool) (bool, error)) (T, error)
}
