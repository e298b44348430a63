package providers

import "time"

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
	GroupID   string   // of the server group that it is placed by; empty: none
	Metadata  map[string]string
	UserData  []byte // at most 65535 bytes encoded
	// ConfigDrive: user-data is on a drive of the server too, beside the metadata service.
	ConfigDrive bool
}

// ServerGroup is a Nova server group. Policy is Nova's word: affinity, anti-affinity, soft-affinity, soft-anti-affinity.
type ServerGroup struct {
	ID        string
	Name      string // without the mark
	Policy    string
	Mark      Mark     // zero: not ours
	MemberIDs []string // servers, sorted
}

// ServerGroupSpec asks for a server group.
type ServerGroupSpec struct {
	Mark     Mark
	Provider string // alias of the cloud; empty: the default one
	Name     string
	Policy   string
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
	LimitServers      = "servers"
	LimitCores        = "cores"
	LimitRAM          = "ram"
	LimitVolumes      = "volumes"
	LimitGigabytes    = "gigabytes"
	LimitPorts        = "ports"
	LimitGroups       = "security_groups"
	LimitRules        = "security_group_rules"
	LimitFloatingIPs  = "floating_ips"
	LimitServerGroups = "server_groups"
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
