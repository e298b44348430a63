package executor_test

import (
	"cmp"
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// shape is what a test asks for; its zero value is the smallest fleet with one of each kind.
type shape struct {
	size     int
	limit    string
	cidrs    []string
	password string
	grant    []string
	noUser   bool
	name     string   // of the server; empty: "orders"
	login    string   // of user.app; empty: "app"
	second   string   // the login of another user; empty: there is none
	twin     []string // the CIDRs of a second instance, without anything in it; nil: there is none
	alone    bool     // the first instance is not there
	managed  bool     // the agents are reached in the management network
	public   bool     // it has a floating IP of its own
	floating string   // the address of one that the user has; empty: none
	locality string
	root     string   // the password of root, who has the log slow enabled too; empty: there is none
	file     string   // the datastore's image is this file; empty: it is one that is there
	ways     []string // to the agent; none: SSH
	vhost    string   // shared by the accounts; empty: each has its own
	moved    bool     // instance.orders and user.app have other addresses
}

// wanted is the desired set of a shape, with the passwords beside it as the wiring keeps them.
func wanted(s shape) (*resource.Set, map[resource.Address]resource.Secret) {
	if s.size == 0 {
		s.size = 1
	}
	if s.cidrs == nil {
		s.cidrs = ten
	}
	if s.grant == nil {
		s.grant = []string{"SELECT"}
	}
	values := map[string]string{}
	if s.limit != "" {
		values["max_connections"] = s.limit
	}
	store, group, orders := address("datastore.mariadb"), address("config_group.oltp"), address("instance.orders")
	shop, app := address("database.shop"), address("user.app")
	set := &resource.Set{Resources: map[resource.Address]*resource.Resource{}, Blocks: map[resource.Address]resource.Repetition{}}
	if s.moved {
		set.Moves = []resource.Move{{From: orders, To: address("instance.sales[0]")}, {From: app, To: address(`user.apps["one"]`)}}
		orders, app = set.Moves[0].To, set.Moves[1].To
	}
	put := func(a resource.Address, b resource.Body) {
		set.Resources[a] = &resource.Resource{Address: a, Body: b}
		set.Blocks[a.Block()] = resource.Repetition{Mode: "single"}
	}
	version := resource.DatastoreVersion{Image: "mariadb-10.11"}
	if s.file != "" {
		version = resource.DatastoreVersion{ImageFile: s.file, ImageSHA256: digestOf(s.file)}
	}
	put(store, &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": version}})
	put(group, &resource.ConfigGroup{Datastore: store, Manager: "mariadb", Version: "10.11", Values: values})
	put(orders, &resource.Instance{
		Name: cmp.Or(s.name, "orders"), Datastore: store, Manager: "mariadb", Version: "10.11", Image: version.Image, ImageSHA256: version.ImageSHA256, Flavor: "db.small", Network: "private",
		Volume: &resource.Volume{Size: s.size}, ConfigGroup: group, Settings: values, Access: resource.Access{AllowedCIDRs: s.cidrs},
		Guest: resource.Guest{SourceCIDRs: []string{"10.9.0.1/32"}},
	})
	set.Resources[orders].Body.(*resource.Instance).Locality = s.locality
	if reached := &set.Resources[orders].Body.(*resource.Instance).Guest; s.ways != nil {
		reached.Transports, reached.Broker = s.ways, &resource.GuestBroker{URL: "amqps://broker.test:5671", VHost: s.vhost}
		if !slices.Contains(s.ways, resource.TransportSSH) {
			reached.SourceCIDRs = nil
		}
	}
	if s.root != "" {
		inst := set.Resources[orders].Body.(*resource.Instance)
		inst.Root, inst.Logs = &resource.Password{Digest: "digest of " + s.root}, []string{"slow"}
	}
	first := &set.Resources[orders].Body.(*resource.Instance).Access
	first.Public, first.FloatingIP = s.public, s.floating
	if s.managed {
		set.Resources[orders].Body.(*resource.Instance).Guest.Network = "management"
	}
	put(shop, &resource.Database{Instance: orders, Name: "shop", Charset: "utf8mb4"})
	secrets := map[resource.Address]resource.Secret{}
	if s.root != "" {
		secrets[orders] = resource.NewSecret(verifier(s.root))
	}
	if s.login == "" {
		s.login = "app"
	}
	if s.second != "" {
		two := address("user.second")
		put(two, &resource.User{Instance: orders, Name: s.second, Host: "%", Password: &resource.Password{Digest: "digest of second"}})
		engine, _ := catalog.Lookup("mariadb")
		secrets[two] = resource.NewSecret(engine.Verifier("second", nil))
	}
	if s.twin != nil {
		other := *set.Resources[orders].Body.(*resource.Instance)
		other.Name, other.Access.AllowedCIDRs = "twin", s.twin
		put(address("instance.twin"), &other)
	}
	if s.alone {
		for _, a := range []resource.Address{orders, shop} {
			delete(set.Resources, a)
			delete(set.Blocks, a)
		}
	}
	if !s.noUser && !s.alone {
		put(app, &resource.User{
			Instance: orders, Name: s.login, Host: "%", Password: &resource.Password{Digest: "digest of " + s.password},
			Grants: []resource.Grant{{Database: "shop", Privileges: s.grant, Of: shop}},
		})
		engine, _ := catalog.Lookup("mariadb")
		secrets[app] = resource.NewSecret(engine.Verifier(s.password, nil))
	}
	return set, secrets
}
