package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
)

// Instance is a database server: a port with its security group, a volume, and a server with an agent in it.
type Instance struct {
	Name             string            `json:"name"` // of the cloud objects
	Datastore        Address           `json:"datastore"`
	Manager          string            `json:"manager"` // of the datastore, resolved by the reader
	Version          string            `json:"version"`
	Image            string            `json:"image,omitempty"` // of the datastore's version, resolved by the reader; counts at creation
	ImageTags        []string          `json:"image_tags,omitempty"`
	Packages         []string          `json:"packages,omitempty"`     // of the datastore's version, as the image
	ImageSHA256      string            `json:"image_sha256,omitempty"` // of the datastore's image_file
	Flavor           string            `json:"flavor"`
	Network          string            `json:"network"`
	Subnet           string            `json:"subnet,omitempty"`
	FixedIP          string            `json:"fixed_ip,omitempty"`
	AvailabilityZone string            `json:"availability_zone,omitempty"`
	Locality         string            `json:"locality,omitempty"` // one of Localities; empty: the cloud's choice
	Region           string            `json:"region,omitempty"`
	Provider         string            `json:"provider,omitempty"` // alias of a provider block; empty: the default one
	Volume           *Volume           `json:"volume,omitempty"`   // nil: the server's own disk
	ConfigGroup      Address           `json:"config_group,omitzero"`
	Settings         map[string]string `json:"settings,omitempty"` // the config group's values, resolved by the reader
	Access           Access            `json:"access,omitzero"`
	Restart          string            `json:"restart,omitempty"` // never, if_required
	Metadata         map[string]string `json:"metadata,omitempty"`
	Guest            Guest             `json:"guest,omitzero"`
	// Root is the password of the engine's administrator who may log in from outside; nil: there is none.
	Root *Password `json:"root,omitempty"`
	Logs []string  `json:"logs,omitempty"` // enabled ones, sorted; none: as somebody left them
	TLS  TLS       `json:"tls,omitzero"`
}

// Localities are the ways in which the instances of one block are placed: Nova's policies of server groups.
var Localities = []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}

// LocalityKey is a digest of the block, the locality and the cloud: instances with the same key share one server group.
// 24 characters of lower-case hex; empty without a locality.
func (i *Instance) LocalityKey(address Address) string {
	if i.Locality == "" {
		return ""
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%q\n%s %s", i.Provider, i.Locality, address.Block()))
	return hex.EncodeToString(digest[:12])
}

// Volume is the data volume of an instance. Size in GiB.
type Volume struct {
	Size             int    `json:"size"`
	Type             string `json:"type,omitempty"`
	AvailabilityZone string `json:"availability_zone,omitempty"`
}

// Access says who may connect to the engine's port.
type Access struct {
	AllowedCIDRs []string `json:"allowed_cidrs,omitempty"` // canonical, sorted
	// Public: it has a floating IP of its own, from an external network (empty: the only one).
	Public        bool   `json:"public,omitempty"`
	PublicNetwork string `json:"public_network,omitempty"`
	FloatingIP    string `json:"floating_ip,omitempty"` // in place of that: the address of one that the user has
}

// Guest says how the agent is reached: the guest block with the instance's own override.
type Guest struct {
	Network     string   `json:"network,omitempty"` // a second port's network; empty: the instance's own
	Port        int      `json:"port,omitempty"`    // of SSH; 0: 22
	SourceCIDRs []string `json:"source_cidrs,omitempty"`
	// NoConfigDrive: user-data comes from the metadata service alone.
	NoConfigDrive bool `json:"no_config_drive,omitempty"`
	// Transports are the ways to the agent, the preferred one first. None: SSH alone.
	Transports []string     `json:"transports,omitempty"`
	Broker     *GuestBroker `json:"broker,omitempty"` // nil unless AMQP is among them
}

// The ways to an agent.
const (
	TransportAMQP = "amqp"
	TransportSSH  = "ssh"
)

// GuestBroker is the broker that an agent listens at, as the agent sees it.
type GuestBroker struct {
	URL          string `json:"url"`                    // amqp[s]://HOST:PORT
	VHost        string `json:"vhost,omitempty"`        // shared; empty: one of its own
	Mode         string `json:"mode,omitempty"`         // empty: sealed
	Certificates bool   `json:"certificates,omitempty"` // it logs in with a certificate
}

// Speaks tells whether the agent is reached that way.
func (g Guest) Speaks(transport string) bool {
	if len(g.Transports) == 0 {
		return transport == TransportSSH
	}
	return slices.Contains(g.Transports, transport)
}

// TLS says how clients speak TLS with the engine.
type TLS struct {
	Required bool     `json:"required,omitempty"` // clients from outside must
	Names    []string `json:"names,omitempty"`    // more DNS names and addresses of the certificate, sorted
}

// CertificateNames are what the certificate of an instance is for: its declared names and its addresses, sorted.
func (i *Instance) CertificateNames(addresses ...string) []string {
	names := slices.Clone(i.TLS.Names)
	for _, address := range addresses {
		if address != "" {
			names = append(names, address)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Kind is KindInstance.
func (i *Instance) Kind() Kind { return KindInstance }

// References names the datastore and the config group.
func (i *Instance) References() map[string]Address {
	refs := map[string]Address{"datastore": i.Datastore}
	if !i.ConfigGroup.IsZero() {
		refs["config_group"] = i.ConfigGroup
	}
	return refs
}

// Attributes shows every argument; settings appear under config_group.values, where the user wrote them.
func (i *Instance) Attributes() Attributes {
	out := Attributes{"name": i.Name, "datastore": i.Datastore.String(), "version": i.Version}
	putText(out, "flavor", i.Flavor)
	putText(out, "network", i.Network)
	putText(out, "subnet", i.Subnet)
	putText(out, "fixed_ip", i.FixedIP)
	putText(out, "availability_zone", i.AvailabilityZone)
	putText(out, "locality", i.Locality)
	putText(out, "region", i.Region)
	putText(out, "provider", i.Provider)
	putText(out, "image", i.Image)
	putList(out, "image_tags", i.ImageTags)
	putList(out, "packages", i.Packages)
	putText(out, "image_sha256", i.ImageSHA256)
	if v := i.Volume; v != nil {
		out["volume.size"] = v.Size
		putText(out, "volume.type", v.Type)
		putText(out, "volume.availability_zone", v.AvailabilityZone)
	}
	putText(out, "config_group", i.ConfigGroup.String())
	for name, value := range i.Settings {
		out["config_group.values."+name] = value
	}
	putList(out, "access.allowed_cidrs", i.Access.AllowedCIDRs)
	if i.Access.Public {
		out["access.public"] = true
	}
	putText(out, "access.public_network", i.Access.PublicNetwork)
	putText(out, "access.floating_ip", i.Access.FloatingIP)
	putText(out, "restart", i.Restart)
	for name, value := range i.Metadata {
		out["metadata."+name] = value
	}
	putText(out, "guest.network", i.Guest.Network)
	if i.Guest.Port != 0 {
		out["guest.port"] = i.Guest.Port
	}
	putList(out, "guest.source_cidrs", i.Guest.SourceCIDRs)
	if i.Guest.NoConfigDrive {
		out["guest.config_drive"] = false
	}
	putText(out, "guest.transports", strings.Join(i.Guest.Transports, ", then ")) // a list would be compared as a set
	if b := i.Guest.Broker; b != nil {
		out["guest.broker.url"] = b.URL
		putText(out, "guest.broker.vhost", b.VHost)
		putText(out, "guest.broker.mode", b.Mode)
		if b.Certificates {
			out["guest.broker.client_certificates"] = true
		}
	}
	if i.Root != nil {
		out["root.enabled"] = true
	}
	putDigest(out, "root.password", i.Root)
	putList(out, "logs", i.Logs)
	if i.TLS.Required {
		out["tls.required"] = true
	}
	putList(out, "tls.names", i.TLS.Names)
	return out
}

const moveLater = "moving an instance to another machine (a replica, then a promote) is not available yet; " +
	"declare a second instance, copy the data, and remove this one by `apply -allow-destroy`"

// Judge follows the table of effects: what can be done in place is done in place, nothing is replaced.
func (i *Instance) Judge(path string, next Body) Verdict {
	to, ok := next.(*Instance)
	if !ok {
		panic(fmt.Sprintf("judging an instance against %T", next))
	}
	switch {
	case path == "name", strings.HasPrefix(path, "access."), path == "guest.source_cidrs", strings.HasPrefix(path, "metadata."),
		strings.HasPrefix(path, "root."), path == "logs", strings.HasPrefix(path, "tls."), path == "guest.transports":
		return inPlace(Online)
	case path == "guest.broker.vhost" && i.Guest.Broker != nil && to.Guest.Broker != nil:
		return refused("an agent does not change its vhost in place",
			"write guest { transports = [\"ssh\"] } in the instance and apply, then take it out again: the agent gets a new account")
	case strings.HasPrefix(path, "guest.broker."):
		return inPlace(Online)
	case path == "config_group", path == "restart", path == "guest.port":
		return recordOnly
	case strings.HasPrefix(path, "config_group.values."):
		return i.judgeSetting(strings.TrimPrefix(path, "config_group.values."), to)
	case path == "volume.size":
		return i.judgeSize(to)
	case path == "image", path == "image_tags", path == "image_sha256", path == "packages", path == "guest.config_drive":
		return ignored
	default:
		return i.judgePlacement(path, to)
	}
}

func (i *Instance) judgeSetting(name string, to *Instance) Verdict {
	if i.dynamic(name) {
		return inPlace(Online)
	}
	if to.Restart == "if_required" {
		return inPlace(Restart)
	}
	return inPlace(Online) // persisted now; shown as pending until somebody restarts the engine
}

// Static tells whether a path is a setting that is in force only after a restart of the engine.
func (i *Instance) Static(path string) bool {
	name, ok := strings.CutPrefix(path, "config_group.values.")
	return ok && !i.dynamic(name)
}

func (i *Instance) dynamic(name string) bool {
	engine, ok := catalog.Lookup(i.Manager)
	if !ok {
		return false
	}
	p, known := engine.Parameter(i.Version, name)
	return known && p.Dynamic
}

func (i *Instance) judgeSize(to *Instance) Verdict {
	if i.Volume == nil || to.Volume == nil {
		return refused("an instance cannot gain or lose its data volume", moveLater)
	}
	if to.Volume.Size < i.Volume.Size {
		return refused(fmt.Sprintf("a volume cannot shrink (from %d to %d GiB)", i.Volume.Size, to.Volume.Size),
			fmt.Sprintf("set volume.size to %d or more", i.Volume.Size))
	}
	return inPlace(Online)
}

func (i *Instance) judgePlacement(path string, to *Instance) Verdict {
	switch path {
	case "datastore":
		return refused("an instance keeps its engine", "declare a new instance with the other datastore and copy the data")
	case "version":
		return refused(fmt.Sprintf("changing the version from %s to %s is not available yet", i.Version, to.Version),
			fmt.Sprintf("set version to %q", i.Version))
	case "flavor":
		return refused(fmt.Sprintf("changing the flavor from %s to %s in place is not available yet", i.Flavor, to.Flavor),
			fmt.Sprintf("set flavor to %q", i.Flavor))
	default:
		return refused("changing "+path+" needs another machine", moveLater)
	}
}
