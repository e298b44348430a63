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

// Server is a Nova server. Status is Nova's word: BUILD, ACTIVE, SHUTOFF, ERROR, ...
type Server struct {
	ID         string
	Name       string
	Status     string
	TaskState  string // empty: none
	Fault      string // Nova's fault message, when Status is ERROR
	Locked     bool
	FlavorName string
	FlavorID   string // empty in Get and List: Nova embeds the flavor by name
	ImageID    string
	Zone       string
	Metadata   map[string]string // without the mark's key
	Mark       Mark              // zero: not ours
	Addresses  []string          // fixed addresses first
	VolumeIDs  []string
	CreatedAt  string // RFC 3339
}

// ServerSpec asks for a server on ports made before. UserData is plain; the provider encodes it.
type ServerSpec struct {
	Mark      Mark
	Provider  string // alias of the cloud; empty: the default one
	Name      string
	FlavorID  string
	ImageID   string
	Zone      string // empty: the cloud's choice
	PortIDs   []string
	VolumeIDs []string // existing volumes, attached at boot and kept when the server is deleted
	Metadata  map[string]string
	UserData  []byte // at most 65535 bytes encoded
	// ConfigDrive: user-data is on a drive of the server too, beside the metadata service.
	ConfigDrive bool
}

// Flavor is a Nova flavor.
type Flavor struct {
	ID, Name string
	RAMMiB   int
	VCPUs    int
	DiskGiB  int
}

// Volume is a Cinder volume. Status is Cinder's word: creating, available, in-use, extending, error, ...
type Volume struct {
	ID        string
	Name      string
	Status    string
	SizeGiB   int
	Type      string
	Zone      string
	Metadata  map[string]string
	Mark      Mark
	ServerIDs []string // it is attached to
	CreatedAt string
}

// VolumeSpec asks for an empty volume.
type VolumeSpec struct {
	Mark     Mark
	Provider string // alias of the cloud; empty: the default one
	Name     string
	SizeGiB  int
	Type     string
	Zone     string
}

// Image is a Glance image. Status is Glance's word: queued, saving, active, ...
type Image struct {
	ID, Name   string
	Status     string
	Tags       []string
	Checksum   string
	Properties map[string]string // of ours alone: those that begin with "trovectl_"
	Mark       Mark              // zero: not ours
	CreatedAt  string
}

// ImageActive is the status of an image that servers can be made from.
const ImageActive = "active"

// ImageSpec asks for an image in qcow2.
type ImageSpec struct {
	Mark       Mark
	Provider   string // alias of the cloud; empty: the default one
	Name       string
	Tags       []string
	Visibility string // Glance's word; empty: the cloud's default
	MinDiskGiB int
	MinRAMMiB  int
	Properties map[string]string // such as hw_disk_bus; the mark is one more
}

// Network is a Neutron network with its subnets.
type Network struct {
	ID, Name string
	External bool
	Subnets  []Subnet
}

// Subnet is a Neutron subnet.
type Subnet struct {
	ID, Name, CIDR string
}

// Port is a Neutron port.
type Port struct {
	ID             string
	Name           string
	NetworkID      string
	Status         string
	Addresses      []string
	SubnetIDs      []string
	SecurityGroups []string // ids, sorted
	Unfiltered     bool     // port security is off: everything comes through
	DeviceID       string   // the server it is bound to; empty: none
	Mark           Mark
	CreatedAt      string
}

// PortSpec asks for a port.
type PortSpec struct {
	Mark           Mark
	Provider       string // alias of the cloud; empty: the default one
	Name           string
	NetworkID      string
	SubnetID       string // empty: the cloud's choice
	Address        string // empty: the cloud's choice
	SecurityGroups []string
}

// SecurityGroup is a Neutron security group. Rules are sorted; egress rules are left out.
type SecurityGroup struct {
	ID        string
	Name      string
	Mark      Mark
	Rules     []Rule
	CreatedAt string
}

// SecurityGroupSpec asks for a group with these ingress rules. When a rule fails after the group was made the error is
// KindTransient and the group is found by its mark.
type SecurityGroupSpec struct {
	Mark     Mark
	Provider string // alias of the cloud; empty: the default one
	Name     string
	Rules    []Rule
}

// Rule lets a CIDR in on one TCP port. ID and Mark are set on what exists. Foreign rules that do not fit this shape keep
// Port 0 and their text in Other, with the CIDR where they have one.
type Rule struct {
	ID    string
	Port  int
	CIDR  string
	Other string
	Mark  Mark
}

// Limit is what a project may have of one resource, and what it has.
type Limit struct {
	Resource string // LimitServers, ...; of volumes also with a type: "gigabytes_ssd"
	Provider string // alias of the cloud; empty: the default one
	Max      int    // Unlimited: as many as it likes
	Used     int    // with what is reserved
}

// Unlimited is the Max of what has no limit.
const Unlimited = -1

// The resources of limits, in the words of the services. RAM is in MiB, gigabytes are GiB.
const (
	LimitServers     = "servers"
	LimitCores       = "cores"
	LimitRAM         = "ram"
	LimitVolumes     = "volumes"
	LimitGigabytes   = "gigabytes"
	LimitPorts       = "ports"
	LimitGroups      = "security_groups"
	LimitRules       = "security_group_rules"
	LimitFloatingIPs = "floating_ips"
)

// ObjectSpec asks for an object in a container.
type ObjectSpec struct {
	Container, Name string
	Data            []byte
	Create          bool // only where there is none of this name ("If-None-Match: *")
}

// Object is an object of a container. Age is how long ago it was put by the service's own clock, in whole seconds or
// finer; zero where the service does not tell.
type Object struct {
	Data []byte
	Age  time.Duration
}

// ImageDigest is the property of an image with the SHA-256 of its file, in hex: Glance's own digest is of another kind, and
// known only after an upload.
const ImageDigest = "trovectl_sha256"
