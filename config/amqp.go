package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// AMQP is the transport over a message broker. Its credentials come from the environment. Files are absolute or relative to
// the configuration.
type AMQP struct {
	URL           string // amqp[s]://HOST:PORT, where trovectl connects
	GuestURL      string // where the guests do
	ManagementURL string // http[s]://HOST:PORT
	CAFile        string // of the authority that signed the broker's certificates; empty: those of the machine
	VHost         string // shared by all guests; empty: each has one of its own
	CertFile      string // trovectl logs in with this certificate, of KeyFile, in place of a password
	KeyFile       string
	Certificates  bool   // the guests log in with certificates
	Mode          string // ModeSealed or ModeTrove
	Range         *diag.Range
}

// The modes of the agents' messages.
const (
	ModeSealed = "sealed"
	ModeTrove  = "trove"
)

var amqpSpec = &spec{args: []argument{
	{name: "url", typ: cty.String, required: true, doc: "Where trovectl reaches the broker: \"amqps://broker.example.org:5671\". The user and the password are TROVE_AMQP_ADMIN_USER and TROVE_AMQP_ADMIN_PASSWORD."},
	{name: "guest_url", typ: cty.String, doc: "Where the guests reach it. Default: url."},
	{name: "management_url", typ: cty.String, required: true, doc: "Its management API: \"https://broker.example.org:15671\". The same user must have the tag administrator."},
	{name: "ca_file", typ: cty.String, doc: "The certificate of the authority that signed the broker's. The guests get it too. Default: the authorities of the machine."},
	{name: "vhost", typ: cty.String, doc: "A vhost that is there and that all guests share, each confined to its own queues. Default: a vhost for every instance, made and removed with it."},
	{name: "cert_file", typ: cty.String, doc: "A certificate with which trovectl logs in to url (EXTERNAL) in place of the password. Its common name is a user with every permission."},
	{name: "key_file", typ: cty.String, doc: "The key of cert_file."},
	{name: "client_certificates", typ: cty.Bool, doc: "Whether the guests log in with certificates, which trovectl issues from the master key: the broker must trust that authority (`trovectl ca`). Default false: with passwords."},
	{name: "mode", typ: cty.String, doc: "\"sealed\" (default): messages are encrypted and authenticated. \"trove\": the agents answer stock Trove clients too, each in a vhost of its own."},
}}

func (r *reader) readAMQP(f *form) {
	r.settingsFailed = r.settingsFailed || f.failed
	r.notEmpty(f, "url", "guest_url", "management_url", "ca_file", "vhost", "cert_file", "key_file")
	if f.alias != "" && !slices.Contains(r.aliases(), f.alias) {
		r.unknownAlias(f.at, f.alias)
	}
	a := AMQP{
		URL: r.brokerURL(f, "url", "amqp", "amqps"), GuestURL: r.brokerURL(f, "guest_url", "amqp", "amqps"),
		ManagementURL: r.brokerURL(f, "management_url", "http", "https"), VHost: f.text("vhost"),
		CAFile: expandHome(f.text("ca_file")), CertFile: expandHome(f.text("cert_file")), KeyFile: expandHome(f.text("key_file")),
		Certificates: f.truth("client_certificates", false), Mode: ModeSealed, Range: place(f.at),
	}
	if !f.has("guest_url") {
		a.GuestURL = a.URL
	}
	if f.has("mode") {
		a.Mode = f.text("mode")
	}
	r.checkAMQP(f, a)
	if r.guest.AMQP == nil {
		r.guest.AMQP = map[string]AMQP{}
	}
	r.guest.AMQP[f.alias] = a
}

func (r *reader) checkAMQP(f *form, a AMQP) {
	wrong := func(at hcl.Range, summary, hint, detail string) {
		r.settingsFailed = true
		r.fail(at, summary, hint, "%s", detail)
	}
	if modes := []string{ModeSealed, ModeTrove}; !slices.Contains(modes, a.Mode) {
		wrong(f.place("mode"), "Invalid value", didYouMean(a.Mode, modes, ""), fmt.Sprintf("mode is \"sealed\" or \"trove\", not %q.", a.Mode))
	}
	if a.Mode == ModeTrove && a.VHost != "" {
		wrong(f.place("vhost"), "A shared vhost is not safe in mode \"trove\"", "Leave vhost out, or use mode \"sealed\".",
			"What stock clients need at a broker lets every guest of a vhost command every other one, so each must have a vhost of its own.")
	}
	if (a.CertFile == "") != (a.KeyFile == "") {
		wrong(f.at, "Missing argument", "Give both, or neither.", "cert_file and key_file belong together.")
	}
	if a.CertFile != "" && strings.HasPrefix(a.URL, "amqp:") {
		wrong(f.place("cert_file"), "A certificate needs TLS", "Write amqps:// in url, with the port of the broker's TLS listener.", "trovectl cannot log in with a certificate over amqp://.")
	}
	if a.Certificates && strings.HasPrefix(a.GuestURL, "amqp:") {
		wrong(f.place("client_certificates"), "A certificate needs TLS", "Write amqps:// in guest_url, with the port of the broker's TLS listener.", "The guests cannot log in with certificates over amqp://.")
	}
}

// brokerURL is an address without credentials, path or query; empty where it has another form, which is told.
func (r *reader) brokerURL(f *form, name string, schemes ...string) string {
	if !f.has(name) || strings.TrimSpace(f.text(name)) == "" {
		return ""
	}
	u, err := url.Parse(f.text(name))
	hint := fmt.Sprintf("Write something like \"%s://broker.example.org:%d\".", schemes[1], map[string]int{"amqps": 5671, "https": 15671}[schemes[1]])
	switch {
	case err == nil && u.User != nil:
		r.settingsFailed = true
		r.fail(f.place(name), "Credentials in a configuration file", "Give them by TROVE_AMQP_ADMIN_USER and TROVE_AMQP_ADMIN_PASSWORD.", "%s holds a user or a password.", name)
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		r.settingsFailed = true
		if err == nil && strings.Trim(u.Path, "/") != "" {
			hint = "Name a vhost with the argument vhost. " + hint
		}
		r.fail(f.place(name), "Malformed address", hint, "%s is of the form %s://HOST:PORT or %s://HOST:PORT.", name, schemes[1], schemes[0])
	default:
		return u.Scheme + "://" + u.Host
	}
	return ""
}

// instanceTransports are the ways to the agent of an instance. SSH alone needs no word.
func (b *builder) instanceTransports(i *resource.Instance, own *form) {
	ways, at := b.r.guest.Transports, b.f.at
	if own != nil && own.has("transports") {
		at = own.place("transports")
		ways = b.chosenTransports(own.list("transports"), at)
	}
	if !slices.Contains(ways, resource.TransportSSH) {
		i.Guest.Port, i.Guest.SourceCIDRs = 0, nil
		if len(i.Packages) > 0 {
			b.failAt(at, "No way for the agent", "Add the transport \"ssh\", or use an image that `trovectl image build` made.",
				"Version %s of %s installs packages on a stock image, and the agent is delivered there over SSH, which is not among the instance's transports.", i.Version, i.Datastore)
		}
	}
	if !slices.Contains(ways, resource.TransportAMQP) {
		return
	}
	i.Guest.Transports = slices.Clone(ways)
	a, there := b.r.guest.AMQP[i.Provider]
	if !there {
		a, there = b.r.guest.AMQP[""]
	}
	if !there {
		b.failAt(at, "No broker", "Write a block transport \"amqp\" without an alias beside them, for all other providers.",
			"The guest block names brokers for the guests of other providers only.")
		return
	}
	i.Guest.Broker = &resource.GuestBroker{URL: a.GuestURL, VHost: a.VHost, Certificates: a.Certificates}
	if a.Mode != ModeSealed {
		i.Guest.Broker.Mode = a.Mode
	}
}

// chosenTransports are those of the instance's own that the guest block has too.
func (b *builder) chosenTransports(chosen []string, at hcl.Range) (ways []string) {
	has := b.r.guest.Transports
	for _, way := range chosen {
		switch {
		case !slices.Contains(has, way):
			b.failAt(at, "Unknown transport", didYouMean(way, has, "The guest block has "+strings.Join(has, " and ")+"."), "The guest block has no transport %q.", way)
		case slices.Contains(ways, way):
			b.failAt(at, "Repeated transport", "Leave one of them out.", "%q stands twice in transports.", way)
		default:
			ways = append(ways, way)
		}
	}
	if len(chosen) == 0 {
		b.failAt(at, "Empty list", "Leave transports out, and all are used.", "An instance needs a way to its agent.")
	}
	return ways
}
