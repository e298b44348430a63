package config

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// The effects of a change, as the language's table of kinds writes them.
const (
	effectInPlace = "in place"
	effectMove    = "another machine: refused for now, with what to do instead"
	effectRefused = "refused, with what to do instead"
	effectRecord  = "the record only"
	effectCreate  = "counts at creation only"
)

var (
	texts   = cty.List(cty.String)
	textMap = cty.Map(cty.String)
)

// metaSpec is what every kind understands beside its own arguments. count, for_each and depends_on are read before the
// rest, by the code that repeats a block.
var metaSpec = &spec{
	args: []argument{
		{name: "count", typ: cty.Number, doc: "Repeats the block: 0, 1, 2, ... as count.index."},
		{name: "for_each", free: true, doc: "Repeats the block for each element of a map or a set of strings, as each.key and each.value."},
		{name: "depends_on", free: true, doc: "Resources that must be there first, beside those that are referred to: whole blocks, or one of a repeated block by its key, which may be each.key."},
	},
	blocks: []nested{{
		name: "lifecycle", hidden: true, doc: "How the resource is treated.",
		spec: &spec{
			args: []argument{
				{name: "protect", typ: cty.Bool, effect: effectRecord, doc: "Refuses everything that would destroy the resource, until an apply of its own lifts it. Default false."},
			},
			blocks: []nested{
				{name: precondition, many: true, rule: true, spec: conditionSpec, doc: "What must hold before anything is done; otherwise nothing is planned. self is the resource, without what is known after apply."},
				{name: postcondition, many: true, rule: true, spec: conditionSpec, doc: "What must hold after apply; otherwise it ends with an error, and what was made stays. self is the resource, computed attributes included."},
			},
		},
	}},
}

var kindSpecs = map[resource.Kind]*spec{
	resource.KindDatastore: {
		doc: "An engine that is offered, in which versions, from which images.",
		args: []argument{
			{name: "manager", typ: cty.String, effect: effectRefused, doc: "The engine. Default: the block's name."},
		},
		blocks: []nested{{name: "version", label: "VERSION", many: true, required: true, doc: "A version that is offered.", spec: &spec{args: []argument{
			{name: "packages", typ: texts, effect: effectCreate, doc: "Packages to install at the first boot, for an image that has neither the engine nor the agent: trovectl delivers the agent then."},
			{name: "image", typ: cty.String, effect: effectCreate, doc: "Name or id of the image in Glance; or image_tags, or image_file."},
			{name: "image_tags", typ: texts, effect: effectCreate, doc: "The newest image with all of these tags; or image, or image_file."},
			{name: "image_file", typ: cty.String, effect: effectCreate, doc: "A file of `trovectl image build`, relative to the configuration: apply uploads it, unless the cloud has an image with its sha256. Where its manifest (FILE.json) is there, the file is needed for the upload alone. destroy leaves the image in the cloud: other configurations may use it."},
			{name: "active", typ: cty.Bool, effect: effectRecord, doc: "Whether new instances may have this version. Default true."},
		}}}},
	},
	resource.KindConfigGroup: {
		doc: "A named set of engine parameters that instances share.",
		args: []argument{
			{name: "datastore", refs: []resource.Kind{resource.KindDatastore}, required: true, effect: effectRefused, doc: "The engine that the values are for."},
			{name: "version", typ: cty.String, required: true, effect: effectRecord, doc: "The version that the values are checked against."},
			{name: "values", typ: textMap, required: true, effect: effectInPlace, doc: "Parameters and their values. A removed one returns to its default."},
		},
	},
	resource.KindInstance: instanceSpec,
	resource.KindDatabase: {
		doc: "A database of an instance.",
		args: []argument{
			{name: "instance", refs: []resource.Kind{resource.KindInstance}, required: true, effect: effectRefused, doc: "Where it is."},
			{name: "name", typ: cty.String, effect: effectRefused + "; PostgreSQL: " + effectInPlace, doc: "Its name. Default: the block's name, with _KEY when the block is repeated."},
			{name: "charset", typ: cty.String, effect: effectInPlace, doc: "MariaDB and MySQL: the default charset of new tables. Absent: unmanaged."},
			{name: "collation", typ: cty.String, effect: effectInPlace + "; PostgreSQL: " + effectRefused, doc: "The default collation of new tables; in PostgreSQL of the whole database. Absent: unmanaged."},
			{name: "owner", free: true, effect: effectInPlace, doc: "PostgreSQL: who owns it, a user of the instance by reference or any role by name. Absent: unmanaged."},
			{name: "encoding", typ: cty.String, effect: effectRefused, doc: "PostgreSQL: how it stores texts, such as \"UTF8\". Absent: unmanaged."},
			{name: "extensions", typ: texts, effect: effectInPlace, doc: "PostgreSQL: extensions that are installed in it. Those taken out, and those that nobody declared, stay."},
		},
	},
	resource.KindUser: {
		doc: "An account of an instance, with what it may do.",
		args: []argument{
			{name: "instance", refs: []resource.Kind{resource.KindInstance}, required: true, effect: effectRefused, doc: "Where it is."},
			{name: "name", typ: cty.String, effect: effectInPlace, doc: "Its name. Default: the block's name, with _KEY when the block is repeated."},
			{name: "host", typ: cty.String, effect: effectInPlace, doc: "From where it may connect, as the engine writes it. Default \"%\": from everywhere."},
			{name: "password", typ: cty.String, secret: true, effect: effectInPlace, doc: "Needed to create the user. Absent: unmanaged."},
			{name: "password_hash", typ: cty.String, secret: true, effect: effectInPlace, doc: "What the engine stores for a password, in place of the password."},
			{name: "databases", free: true, effect: effectInPlace, doc: "Databases, by name or reference, with all privileges on each."},
			{name: "grants", typ: cty.String, effect: effectRecord, doc: "\"additive\" leaves privileges alone that are not declared. Default \"authoritative\"."},
			{name: "acl", typ: texts, effect: effectInPlace, doc: "Redis: what it may, as the rules of ACL SETUSER, in their order. Default: nothing."},
			{name: "roles", free: true, effect: effectInPlace, doc: "Roles whose rights it has, by name: those that the engine has, or that somebody made in the server. PostgreSQL: also users, by reference. Authoritative as grants are."},
			{name: "connection_limit", typ: cty.Number, effect: effectInPlace, doc: "How many connections it may have at a time. Default: as many as the engine takes."},
			{name: "require_tls", typ: cty.Bool, effect: effectInPlace, doc: "Whether it must use TLS. Default false."},
		},
		blocks: []nested{{name: "grant", many: true, hidden: true, doc: "Privileges on one database, or on a schema or on tables of it.", spec: &spec{args: []argument{
			{name: "database", free: true, required: true, effect: effectInPlace, doc: "A database, by name or reference, or \"*\" for all."},
			{name: "schema", typ: cty.String, effect: effectInPlace, doc: "PostgreSQL: a schema of the database. Default: the database with all of its schemas."},
			{name: "tables", typ: texts, effect: effectInPlace, doc: "Tables that the privileges are on, and nothing else. They need not be there yet where the engine takes that. Default: all, also those to come."},
			{name: "privileges", typ: texts, required: true, effect: effectInPlace, doc: "What is granted, in the engine's words, or [\"ALL PRIVILEGES\"]."},
			{name: "grantable", typ: cty.Bool, effect: effectInPlace, doc: "Whether it may grant the privileges to others. Default false."},
		}}}},
	},
}

var instanceSpec = &spec{
	doc: "A database server: a port with its security group, a volume, and a machine with an agent in it.",
	args: []argument{
		{name: "name", typ: cty.String, effect: effectInPlace, doc: "Of the cloud objects. Default: name_prefix, the block's name and the key."},
		{name: "datastore", refs: []resource.Kind{resource.KindDatastore}, required: true, effect: effectRefused, doc: "The engine."},
		{name: "version", typ: cty.String, required: true, effect: effectRefused, doc: "One of the datastore's versions."},
		{name: "flavor", typ: cty.String, required: true, effect: effectRefused, doc: "Name or id of the flavor."},
		{name: "network", typ: cty.String, required: true, effect: effectMove, doc: "Name or id of the network that clients use."},
		{name: "subnet", typ: cty.String, effect: effectMove, doc: "Name or id of the subnet. Default: the cloud chooses."},
		{name: "fixed_ip", typ: cty.String, effect: effectMove, doc: "The address. Default: the cloud chooses."},
		{name: "availability_zone", typ: cty.String, effect: effectMove, doc: "Of the machine. Default: the cloud chooses."},
		{name: "locality", typ: cty.String, effect: effectMove, doc: "Where the machines of the block's instances (its for_each or count) are: on one host (\"affinity\"), each on another (\"anti-affinity\"), or so as far as there is room (\"soft-affinity\", \"soft-anti-affinity\"). Default: the cloud chooses."},
		{name: "region", typ: cty.String, effect: effectMove, doc: "Default: the provider's."},
		{name: "provider", free: true, effect: effectMove, doc: "The cloud, such as openstack.ALIAS of a provider \"openstack\" \"ALIAS\" block; what lives in the instance follows it. Default: the provider without an alias."},
		{name: "config_group", refs: []resource.Kind{resource.KindConfigGroup}, effect: effectInPlace, doc: "The parameters of the engine."},
		{name: "restart", typ: cty.String, effect: effectRecord, doc: "\"never\": a pending restart is shown, not done; \"if_required\": done by apply with consent. Default \"never\"."},
		{name: "metadata", typ: textMap, effect: effectInPlace, doc: "Metadata of the machine."},
		{name: "boot_volume", later: true, doc: "Booting from a volume."},
		{name: "logs", typ: texts, effect: effectInPlace, doc: "Logs that the engine writes, beside its error log: \"general\" and \"slow\", as far as it has them. Absent: as they are; taken out: none."},
		{name: "final_backup", later: true, doc: "A backup before the instance goes."},
		{name: "unmanaged", later: true, doc: "How undeclared databases and users are treated."},
		{name: "running", later: true, doc: "Whether the engine runs."},
	},
	blocks: []nested{
		{name: "volume", doc: "The data volume. Absent: the machine's own disk.", spec: &spec{args: []argument{
			{name: "size", typ: cty.Number, required: true, effect: "in place; it cannot shrink", doc: "In GiB."},
			{name: "type", typ: cty.String, effect: effectMove, doc: "The volume type. Default: the cloud's."},
			{name: "availability_zone", typ: cty.String, effect: effectMove, doc: "Default: the cloud chooses."},
		}}},
		{name: "access", doc: "Who may connect.", spec: &spec{args: []argument{
			{name: "allowed_cidrs", typ: texts, effect: effectInPlace, doc: "Networks that may reach the engine's port."},
			{name: "allowed_groups", later: true, doc: "Security groups that may reach it."},
			{name: "security_groups", later: true, doc: "More groups of the port."},
			{name: "public", typ: cty.Bool, effect: effectInPlace, doc: "Whether it has a floating IP, allocated with it and released with it. allowed_cidrs still says who may connect. Default false."},
			{name: "public_network", typ: cty.String, effect: effectInPlace, doc: "Name or id of the external network that public takes the address from. Default: the only one there is."},
			{name: "floating_ip", typ: cty.String, effect: effectInPlace, doc: "In place of public: the address of a floating IP that the project has. It is never released."},
		}}},
		{name: "guest", doc: "How the agent is reached, where it differs from the guest block.", spec: &spec{args: []argument{
			{name: "transports", typ: texts, effect: effectInPlace, doc: "The ways to the agent, the preferred one first: some of those that the guest block has. Default: all of them, \"amqp\" before \"ssh\"."},
			{name: "network", typ: cty.String, effect: effectMove, doc: "Name or id of the management network: the agent is reached on a second port there, and only there."},
			{name: "port", typ: cty.Number, effect: effectRecord, doc: "Of SSH."},
			{name: "source_cidrs", typ: texts, effect: effectInPlace, doc: "Networks that may reach the agent."},
			{name: "config_drive", typ: cty.Bool, effect: effectCreate, doc: "Whether the machine gets its user-data on a drive too, and not from the metadata service alone."},
		}}},
		{name: "root", hidden: true, doc: "The engine's administrator: an account of its own that may log in from outside. Absent: there is none.", spec: &spec{args: []argument{
			{name: "enabled", typ: cty.Bool, effect: effectInPlace, doc: "false is the same as no block. Default true."},
			{name: "password", typ: cty.String, secret: true, effect: effectInPlace, doc: "Its password, or password_hash."},
			{name: "password_hash", typ: cty.String, secret: true, effect: effectInPlace, doc: "What the engine stores for a password, in place of the password."},
		}}},
		{name: "tls", doc: "How clients speak TLS with the engine, with a certificate of the CA that `trovectl ca` prints.", spec: &spec{args: []argument{
			{name: "required", typ: cty.Bool, effect: effectInPlace, doc: "Whether clients must. Default false: they may."},
			{name: "names", typ: texts, effect: effectInPlace, doc: "DNS names and addresses by which clients reach it, for the certificate, beside its addresses and its name."},
		}}},
		{name: "maintenance", later: true, doc: "When interruptions are allowed."},
		{name: "restore", later: true, doc: "A backup to begin with."},
	},
	computed: []attribute{
		{name: "id", typ: cty.String, doc: "Of the member."},
		{name: "server_id", typ: cty.String, doc: "Of the Nova server."},
		{name: "volume_id", typ: cty.String, doc: "Of the Cinder volume."},
		{name: "port_id", typ: cty.String, doc: "Of the Neutron port."},
		{name: "address", typ: cty.String, doc: "The address that clients use."},
		{name: "management_address", typ: cty.String, doc: "The address in the management network, where the agent is reached."},
		{name: "management_port_id", typ: cty.String, doc: "Of the Neutron port in the management network."},
		{name: "floating_address", typ: cty.String, doc: "The address of its floating IP."},
		{name: "addresses", typ: texts, doc: "All addresses."},
		{name: "port", typ: cty.Number, doc: "The port that clients use."},
		{name: "status", typ: cty.String, doc: "As last seen."},
		{name: "role", typ: cty.String, doc: "primary, replica or standalone."},
		{name: "running_version", typ: cty.String, doc: "The engine's exact version."},
	},
}
