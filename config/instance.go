package config

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trovectl/trovectl/config/resource"
)

// maxVolume is a bound on sizes in GiB that no volume reaches, against slips of the finger.
const maxVolume = 1 << 20

func (b *builder) instance() resource.Body {
	f := b.f
	i := &resource.Instance{
		Name: b.named(b.cloudName()), Version: f.text("version"), Flavor: f.text("flavor"), Network: f.text("network"),
		Subnet: f.text("subnet"), FixedIP: f.text("fixed_ip"), AvailabilityZone: f.text("availability_zone"),
		Locality: f.text("locality"), Region: f.text("region"), Provider: b.provider(), Restart: f.text("restart"), Metadata: f.textMap("metadata"),
	}
	b.r.notEmpty(f, "name", "version", "flavor", "network", "subnet", "availability_zone", "region")
	b.checkCloudName(i.Name)
	b.checkFixedIP(i)
	b.checkLocality(i)
	b.checkRestart(i)
	b.checkMetadata(i)
	b.instanceEngine(i)
	b.instanceVolume(i)
	b.instanceAccess(i)
	b.instanceGuest(i)
	b.instanceCare(i)
	return i
}

// cloudName is the default name of an instance's cloud objects: prefix, label and key, made of letters, digits, dashes
// and dots.
func (b *builder) cloudName() string {
	name := b.r.trove.NamePrefix + safeName(b.f.address.Name)
	if b.f.address.Key != resource.NoKey {
		name += "-" + safeName(b.f.address.Key.Plain())
	}
	return name
}

func safeName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '.') {
			return r
		}
		return '-'
	}, s)
}

func (b *builder) checkCloudName(name string) {
	if utf8.RuneCountInString(name) > 200 { // Nova and Neutron take 255; trovectl appends to it
		b.fail("name", "Name too long", "", "The name of the cloud objects has more than 200 characters.")
	}
	if strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name {
		b.fail("name", "Invalid name", "", "The name of the cloud objects holds control characters, or blanks at its ends.")
	}
}

func (b *builder) checkFixedIP(i *resource.Instance) {
	if i.FixedIP == "" {
		if b.f.has("fixed_ip") {
			b.r.notEmpty(b.f, "fixed_ip")
		}
		return
	}
	addr, err := netip.ParseAddr(i.FixedIP)
	if err != nil || addr.Zone() != "" {
		b.fail("fixed_ip", "Invalid address", "Write something like \"10.0.0.5\".", "%q is not an IP address.", i.FixedIP)
		return
	}
	i.FixedIP = addr.String()
}

func (b *builder) checkLocality(i *resource.Instance) {
	if b.f.has("locality") && !slices.Contains(resource.Localities, i.Locality) {
		b.fail("locality", "Invalid value", didYouMean(i.Locality, resource.Localities, ""), "locality is one of %s, not %q.", strings.Join(resource.Localities, ", "), i.Locality)
	}
}

func (b *builder) checkRestart(i *resource.Instance) {
	switch {
	case !b.f.has("restart"), i.Restart == "never", i.Restart == "if_required":
	case i.Restart == "window":
		b.fail("restart", "Not available yet", "Use \"never\" or \"if_required\".", "restart = \"window\" belongs to the language, but this version of trovectl cannot do it yet.")
	default:
		b.fail("restart", "Invalid value", didYouMean(i.Restart, []string{"never", "if_required"}, ""), "restart is \"never\" or \"if_required\", not %q.", i.Restart)
	}
}

// checkMetadata keeps to Nova's limits, and off the keys that mark what is ours.
func (b *builder) checkMetadata(i *resource.Instance) {
	for _, key := range keys(i.Metadata) {
		switch {
		case key == "" || utf8.RuneCountInString(key) > 255 || utf8.RuneCountInString(i.Metadata[key]) > 255:
			b.failItem("metadata", key, "Invalid metadata", "", "Keys and values have 1 to 255 characters.")
		case strings.HasPrefix(key, "trovectl"):
			b.failItem("metadata", key, "Reserved key", "Choose another key.", "Keys that begin with trovectl mark what trovectl made.")
		}
	}
}

// instanceEngine resolves what comes from the datastore and from the config group.
func (b *builder) instanceEngine(i *resource.Instance) {
	d, addr, ok := lookup[*resource.Datastore](b, "datastore")
	i.Datastore = addr
	if ok {
		i.Manager = d.Manager
		if b.f.has("version") && b.declaredVersion(d, addr, i.Version) {
			v := d.Versions[i.Version]
			i.Image, i.ImageTags, i.ImageSHA256, i.Packages = v.Image, slices.Clone(v.ImageTags), v.ImageSHA256, slices.Clone(v.Packages)
			if v.Inactive {
				b.r.warn("inactive-version", b.f.place("version"), "Inactive version", "Choose an active version for a new instance.",
					"Version %s of %s is not active: instances that exist keep it, new ones are refused.", i.Version, addr)
			}
		}
	}
	if !b.f.has("config_group") {
		return
	}
	group, groupAddr, found := lookup[*resource.ConfigGroup](b, "config_group")
	i.ConfigGroup = groupAddr
	if !found || !ok {
		return
	}
	if group.Datastore != i.Datastore || group.Version != i.Version {
		b.fail("config_group", "Config group of another engine", "Use a config group with the datastore and the version of the instance.",
			"%s is for %s %s, and the instance is %s %s.", groupAddr, group.Datastore, group.Version, i.Datastore, i.Version)
		return
	}
	i.Settings = map[string]string{}
	for name, value := range group.Values {
		i.Settings[name] = value
	}
}

func (b *builder) instanceVolume(i *resource.Instance) {
	v := b.f.one("volume")
	if v == nil {
		return
	}
	b.r.notEmpty(v, "type", "availability_zone")
	i.Volume = &resource.Volume{
		Size: b.r.whole(v, "size", 1, maxVolume, 0), Type: v.text("type"), AvailabilityZone: v.text("availability_zone"),
	}
	b.f.failed = b.f.failed || v.failed
}

func (b *builder) instanceAccess(i *resource.Instance) {
	access := b.f.one("access")
	if access != nil {
		i.Access.AllowedCIDRs = b.r.networks(access, "allowed_cidrs")
		b.floating(&i.Access, access)
		b.f.failed = b.f.failed || access.failed
	}
	if len(i.Access.AllowedCIDRs) > 0 || b.f.failed {
		return
	}
	at := b.f.at
	if access != nil {
		at = access.at
	}
	b.r.warn("no-access", at, "Nobody may connect", "Write access { allowed_cidrs = [\"10.0.0.0/16\"] } with the networks of the clients.",
		"%s allows no network to reach the engine's port.", b.f.address.Block())
}

// floating is the floating IP: one of the instance's own, or one that the user has.
func (b *builder) floating(out *resource.Access, f *form) {
	b.r.notEmpty(f, "public_network", "floating_ip")
	out.Public, out.PublicNetwork, out.FloatingIP = f.truth("public", false), f.text("public_network"), f.text("floating_ip")
	switch {
	case out.Public && out.FloatingIP != "":
		b.failAt(f.place("floating_ip"), "Two floating IPs", "Leave one of them out.", "public allocates a floating IP, and floating_ip names one that is there: an instance has one.")
	case out.PublicNetwork != "" && !out.Public:
		b.failAt(f.place("public_network"), "Argument without effect", "Write public = true, or leave it out.", "public_network says where public takes the address from, and public is not true.")
	case out.FloatingIP != "":
		addr, err := netip.ParseAddr(out.FloatingIP)
		if err != nil || !addr.Is4() {
			b.failAt(f.place("floating_ip"), "Invalid address", "Write something like \"203.0.113.7\".", "%q is not an IPv4 address.", out.FloatingIP)
		}
	}
}

// instanceGuest is the guest block with the instance's own on top.
func (b *builder) instanceGuest(i *resource.Instance) {
	all := b.r.guest
	i.Guest = resource.Guest{
		Network: all.Network, Port: all.SSH.Port, SourceCIDRs: slices.Clone(all.SSH.SourceCIDRs), NoConfigDrive: !all.ConfigDrive,
	}
	own := b.f.one("guest")
	if own != nil {
		b.r.notEmpty(own, "network")
		if own.has("network") {
			i.Guest.Network = own.text("network")
		}
		i.Guest.NoConfigDrive = !own.truth("config_drive", all.ConfigDrive)
		i.Guest.Port = b.r.portNumber(own, "port", i.Guest.Port)
		if own.has("source_cidrs") {
			i.Guest.SourceCIDRs = b.r.networks(own, "source_cidrs")
		}
		b.f.failed = b.f.failed || own.failed
	}
	b.instanceTransports(i, own)
	if len(i.Guest.SourceCIDRs) > 0 || !i.Guest.Speaks(resource.TransportSSH) || b.f.failed {
		return
	}
	at := b.f.at
	if b.r.guestAt != nil {
		at = *b.r.guestAt
	}
	if b.r.settingsFailed {
		return
	}
	b.r.fail(at, "Missing argument", "Write guest { transport \"ssh\" { source_cidrs = [\"10.0.9.10/32\"] } } with the addresses that trovectl connects from.",
		"source_cidrs says from where the agents may be reached; it has no default, and never is everywhere.")
	b.f.failed = true
}
