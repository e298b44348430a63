package config

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// Trove is the trove block.
type Trove struct {
	RequiredVersion string
	NamePrefix      string
	State           *StateBlock // nil: the default, or TROVE_STATE
}

// StateBlock says where the state is.
type StateBlock struct {
	Type  string // "bbolt", "swift", ...
	Args  map[string]string
	Range *diag.Range
}

// Provider is one provider block: how to reach an OpenStack. An argument stands for the variable of OpenStack's clients
// with its name: auth_url for OS_AUTH_URL. What is not given comes from the environment. Args holds secrets: it must not
// be printed.
type Provider struct {
	Alias string // empty: the default one
	Cloud string // the entry of clouds.yaml; also in Args
	Args  map[string]string
	Range *diag.Range // nil: there is no block
}

// Getenv is the value that the block gives in place of an OS_* variable.
func (p Provider) Getenv(name string) (string, bool) {
	name, ok := strings.CutPrefix(name, "OS_")
	if !ok {
		return "", false
	}
	arg := strings.ToLower(name)
	switch arg {
	case "region_name":
		arg = "region"
	case "cacert":
		arg = "cacert_file"
	case "tenant_name", "tenant_id":
		arg = "project" + strings.TrimPrefix(arg, "tenant")
	}
	value, ok := p.Args[arg]
	return value, ok
}

// Guest says how agents are reached.
type Guest struct {
	Network     string                   // of a second port; empty: the instance's own
	ConfigDrive bool                     // user-data on a drive too, and not from the metadata service alone
	AgentFile   string                   // the agent that is delivered to stock images, absolute or relative to the configuration; empty: the one beside trovectl
	Timeouts    map[string]time.Duration // what the timeouts block gives, by argument
	Transports  []string                 // the ways to the agents, the preferred one first
	SSH         *SSH                     // never nil after a Load without errors; what it says counts when ssh is among Transports
	AMQP        map[string]AMQP          // by the alias of the provider; "" is for all that have none of their own
}

// SSH is the transport over SSH.
type SSH struct {
	PrivateKeyFile string // absolute or relative to the configuration; empty: an agent, or TROVE_SSH_KEY
	User           string
	Port           int
	SourceCIDRs    []string // networks that may reach the agents; canonical, sorted
	Bastion        *Bastion // nil: straight
}

// Bastion is a machine on the way.
type Bastion struct {
	Host    string
	Port    int
	User    string
	HostKey string // one line of a known_hosts file without the name: type and key
}

const (
	defaultSSHUser = "trovectl"
	defaultSSHPort = 22
)

var troveSpec = &spec{
	doc: "Settings of the configuration as a whole.",
	args: []argument{
		{name: "required_version", typ: cty.String, doc: "Which versions of trovectl may use the configuration, such as \">= 0.1, < 2\"."},
		{name: "name_prefix", typ: cty.String, doc: "In front of the names of all cloud objects."},
	},
	blocks: []nested{{name: "state", label: "TYPE", hidden: true, doc: "Where the state is. Default: bbolt in ./trove.db. TROVE_STATE wins.", spec: &spec{open: true}}},
}

var providerSpec = &spec{
	doc: "How to reach an OpenStack. What is not given comes from OS_* and clouds.yaml. A second label is an alias, for instances that say provider = openstack.ALIAS.",
	args: []argument{
		{name: "cloud", typ: cty.String, doc: "The entry of clouds.yaml."},
		{name: "region", typ: cty.String, doc: "The region."},
		{name: "auth_url", typ: cty.String, doc: "The address of Keystone."},
		{name: "insecure", typ: cty.Bool, doc: "Whether certificates are not checked."},
		{name: "cacert_file", typ: cty.String, doc: "The authority's certificate."},
		{name: "cert", typ: cty.String, doc: "A client's certificate."},
		{name: "key", typ: cty.String, doc: "A client's key file."},
		{name: "username", typ: cty.String, doc: "The user."},
		{name: "user_id", typ: cty.String, doc: "The user, by id."},
		{name: "password", typ: cty.String, secret: true, doc: "The user's password."},
		{name: "token", typ: cty.String, secret: true, doc: "A token in place of a password."},
		{name: "project_name", typ: cty.String, doc: "The project."},
		{name: "project_id", typ: cty.String, doc: "The project, by id."},
		{name: "domain_name", typ: cty.String, doc: "The domain."},
		{name: "domain_id", typ: cty.String, doc: "The domain, by id."},
		{name: "user_domain_name", typ: cty.String, doc: "The user's domain."},
		{name: "user_domain_id", typ: cty.String, doc: "The user's domain, by id."},
		{name: "project_domain_name", typ: cty.String, doc: "The project's domain."},
		{name: "project_domain_id", typ: cty.String, doc: "The project's domain, by id."},
		{name: "application_credential_id", typ: cty.String, doc: "An application credential, by id."},
		{name: "application_credential_name", typ: cty.String, doc: "An application credential."},
		{name: "application_credential_secret", typ: cty.String, secret: true, doc: "Its secret."},
		{name: "interface", typ: cty.String, doc: "public, internal or admin."},
	},
}

var bastionSpec = &spec{args: []argument{
	{name: "host", typ: cty.String, required: true, doc: "Its name or address."},
	{name: "port", typ: cty.Number, doc: "Default 22."},
	{name: "user", typ: cty.String, doc: "Default: the user of the machine that runs trovectl."},
	{name: "host_key", typ: cty.String, required: true, doc: "Its public key, as in known_hosts without the name."},
}}

var timeoutsSpec = &spec{args: []argument{
	{name: "build", typ: cty.String, doc: "Until a volume or machine is usable. Default \"30m\"."},
	{name: "boot", typ: cty.String, doc: "From then on until something answers at the machine's address. Default \"15m\"."},
	{name: "login", typ: cty.String, doc: "From then on until its SSH has the keys of its user-data. Default \"10m\"."},
	{name: "agent", typ: cty.String, doc: "From then on until the agent answers. Default \"5m\"."},
	{name: "install", typ: cty.String, doc: "The same for an image that installs packages first. Default \"30m\"."},
	{name: "prepare", typ: cty.String, doc: "Until the data volume and the engine are ready. Default \"15m\"."},
}}

var guestSpec = &spec{
	doc: "How agents are reached.",
	args: []argument{
		{name: "config_drive", typ: cty.Bool, doc: "Whether machines get their user-data on a drive too, and not from the metadata service alone. Default true."},
		{name: "agent_file", typ: cty.String, doc: "The agent that is delivered to images without one (packages in a datastore's version). TROVE_AGENT wins over it. Default: trove-guestagent beside trovectl."},
		{name: "network", typ: cty.String, doc: "Name or id of the management network: the agents are reached on a second port there, and only there. Its subnet should have no gateway, so that a guest has one default route. Default: the instance's own network."},
	},
	blocks: []nested{
		{name: "timeouts", hidden: true, doc: "How long each stage of a first boot may take, such as \"10m\".", spec: timeoutsSpec},
		{name: "transport", label: resource.TransportSSH, only: true, many: true, hidden: true, doc: "The way there over SSH. With a transport \"amqp\" beside it, the way when the broker is down.", spec: sshSpec},
		{name: "transport", label: resource.TransportAMQP, only: true, alias: true, many: true, hidden: true, doc: "The way there over a message broker (RabbitMQ): preferred where both are given. A second label is the alias of a provider whose guests have a broker of their own.", spec: amqpSpec},
	},
}

var sshSpec = &spec{
	args: []argument{
		{name: "private_key_file", typ: cty.String, doc: "The caller's key for the bastion. TROVE_SSH_KEY wins over it; without both an ssh agent is asked. Keys for the guests are derived."},
		{name: "user", typ: cty.String, doc: "The account in the guests: always \"" + defaultSSHUser + "\"."},
		{name: "port", typ: cty.Number, doc: "Where the guests' SSH listens. Default 22."},
		{name: "source_cidrs", typ: texts, doc: "Networks that may reach the agents; required for instances."},
	},
	blocks: []nested{{name: "bastion", hidden: true, doc: "A machine on the way.", spec: bastionSpec}},
}

// settings evaluates the trove, provider and guest blocks. Their locals must have been evaluated.
func (r *reader) settings() {
	r.guest = Guest{ConfigDrive: true, SSH: &SSH{User: defaultSSHUser, Port: defaultSSHPort}}
	if b := r.blocks.trove; b != nil {
		r.readTrove(b)
	}
	for _, b := range r.blocks.providers {
		r.readProvider(b)
	}
	if !slices.ContainsFunc(r.providers, func(p Provider) bool { return p.Alias == "" }) {
		r.providers = append(r.providers, Provider{Args: map[string]string{}})
	}
	slices.SortFunc(r.providers, func(a, b Provider) int { return cmp.Compare(a.Alias, b.Alias) })
	if b := r.blocks.guest; b != nil {
		r.readGuest(b)
	}
	if len(r.guest.Transports) == 0 {
		r.guest.Transports = []string{resource.TransportSSH}
	}
}

// fill evaluates a block of settings.
func (r *reader) fill(b *hclsyntax.Block, s *spec) *form {
	f := r.decode(resource.Address{}, b.Body, b.DefRange(), s, r.context(r.settingsRefs[b]))
	r.settingsFailed = r.settingsFailed || f.failed
	return f
}

func (r *reader) readTrove(b *hclsyntax.Block) {
	f := r.fill(b, troveSpec)
	r.trove = Trove{RequiredVersion: f.text("required_version"), NamePrefix: f.text("name_prefix")}
	r.set.NamePrefix = r.trove.NamePrefix
	if f.has("required_version") {
		r.checkVersion(f)
	}
	if s := f.one("state"); s != nil {
		r.trove.State = &StateBlock{Type: s.label, Args: s.texts(), Range: place(s.at)}
	}
}

func (r *reader) checkVersion(f *form) {
	ok, err := versionAllows(r.trove.RequiredVersion, r.in.Version)
	switch {
	case err != nil:
		r.fail(f.place("required_version"), "Malformed version constraint", "Write something like \">= 0.1, < 2\".", "%s.", err)
	case !ok:
		r.fail(f.place("required_version"), "Wrong version of trovectl", "Use a version that fits, or change required_version.",
			"The configuration wants %s, and this is %s.", r.trove.RequiredVersion, r.in.Version)
	}
}

func (r *reader) readProvider(b *hclsyntax.Block) {
	f := r.fill(b, providerSpec)
	p := Provider{Cloud: f.text("cloud"), Args: map[string]string{}, Range: place(b.DefRange())}
	if len(b.Labels) > 1 {
		p.Alias = b.Labels[1]
	}
	for _, a := range providerSpec.args {
		if a.later || !f.has(a.name) {
			continue
		}
		text := textOf(f.args[a.name].value)
		if a.secret {
			r.remember(cty.StringVal(text))
			r.mask(f.args[a.name].attr)
		}
		p.Args[a.name] = text
	}
	r.providers = append(r.providers, p)
}

func (r *reader) readGuest(b *hclsyntax.Block) {
	f := r.fill(b, guestSpec)
	r.guest.Network, r.guest.ConfigDrive = f.text("network"), f.truth("config_drive", true)
	r.notEmpty(f, "agent_file")
	if f.has("agent_file") {
		r.guest.AgentFile = expandHome(f.text("agent_file"))
	}
	if t := f.one("timeouts"); t != nil {
		r.readTimeouts(t)
	}
	for _, t := range f.blocks["transport"] {
		switch t.label {
		case resource.TransportSSH:
			r.guestAt = &t.at
			r.readSSH(t)
			r.guest.Transports = append(r.guest.Transports, t.label)
		case resource.TransportAMQP:
			r.readAMQP(t)
			if !slices.Contains(r.guest.Transports, t.label) { // before SSH, wherever it stands
				r.guest.Transports = append([]string{t.label}, r.guest.Transports...)
			}
		}
	}
}

func (r *reader) readTimeouts(f *form) {
	r.guest.Timeouts = map[string]time.Duration{}
	for _, a := range timeoutsSpec.args {
		if !f.has(a.name) {
			continue
		}
		limit, err := time.ParseDuration(f.text(a.name))
		if err != nil || limit < time.Second {
			r.settingsFailed = true
			r.fail(f.place(a.name), "Invalid duration", "Write something like \"10m\" or \"90s\".", "%q is not a duration of at least one second.", f.text(a.name))
			continue
		}
		r.guest.Timeouts[a.name] = limit
	}
}

func (r *reader) readSSH(f *form) {
	ssh := r.guest.SSH
	if f.has("private_key_file") {
		ssh.PrivateKeyFile = expandHome(f.text("private_key_file"))
	}
	if f.has("user") {
		ssh.User = f.text("user")
		r.notEmpty(f, "user")
	}
	ssh.Port = r.portNumber(f, "port", ssh.Port)
	ssh.SourceCIDRs = r.networks(f, "source_cidrs")
	r.settingsFailed = r.settingsFailed || f.failed
	bastion := f.one("bastion")
	if bastion == nil {
		return
	}
	ssh.Bastion = &Bastion{
		Host: bastion.text("host"), User: bastion.text("user"), HostKey: bastion.text("host_key"),
		Port: r.portNumber(bastion, "port", defaultSSHPort),
	}
	r.notEmpty(bastion, "host")
	if fields := strings.Fields(ssh.Bastion.HostKey); bastion.has("host_key") && len(fields) < 2 {
		r.fail(bastion.place("host_key"), "Malformed host key", "Write the type and the key, such as \"ssh-ed25519 AAAA...\".",
			"This is not a public key as in known_hosts.")
	}
}

// expandHome resolves a leading ~/ as a shell would.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if home, err := os.UserHomeDir(); ok && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}
