package planner_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// tables are grants on two tables of shop, one of them to be granted on.
func tables() []resource.Grant {
	orders, lines := grant("shop", "INSERT", "SELECT"), grant("shop", "SELECT")
	orders.Table, lines.Table, lines.Grantable = "orders", "a.\"b\"", true
	return []resource.Grant{lines, orders}
}

var rights = []scenario{
	{"rights-user", "Grants on tables, roles, a limit and TLS change in place.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "user.app", func(u *resource.User) {
			u.Grants, u.ConnectionLimit, u.RequireTLS = tables(), 20, true
			u.Roles = []resource.Role{{Name: "readers", Of: at("user.readers")}, {Name: "reports"}}
		})
		w.put("user.readers", user("readers"))
		return w
	}},
	{"rights-user-drift", "What somebody did to them is drift, each for itself.", func(t *testing.T) *world {
		w := shop()
		edit(w, "user.app", func(u *resource.User) {
			u.Grants, u.ConnectionLimit, u.RequireTLS, u.Roles = tables(), 20, true, []resource.Role{{Name: "reports"}}
		})
		w.apply(t)
		m := w.machine("instance.orders")
		u := m.account["app@%"]
		u.Grants = append([]resource.Grant{grant("*", "PROCESS")}, tables()[1])
		u.ConnectionLimit, u.RequireTLS, u.Roles = 0, false, []resource.Role{{Name: "admins"}}
		m.account["app@%"] = u
		return w
	}},
	{"rights-user-additive", "Additive, what others gave is left alone, roles too, and what is missing is given.", func(t *testing.T) *world {
		w := shop()
		edit(w, "user.app", func(u *resource.User) {
			u.Grants, u.Roles, u.Additive = tables(), []resource.Role{{Name: "reports"}}, true
		})
		w.apply(t)
		m := w.machine("instance.orders")
		u := m.account["app@%"]
		u.Grants, u.Roles = append([]resource.Grant{grant("*", "PROCESS")}, tables()[1]), []resource.Role{{Name: "admins"}, {Name: "reports"}}
		m.account["app@%"] = u
		return w
	}},
	{"rights-adopts", "Of what is there already the plan tells what it changes.", func(t *testing.T) *world {
		w := built(t)
		m := w.machine("instance.orders")
		m.account["old@%"] = resource.User{
			Name: "old", Host: "%", Grants: []resource.Grant{grant("*", "SELECT"), grant("shop", "DELETE")}, Roles: []resource.Role{{Name: "admins"}}, Password: &resource.Password{Engine: "own"},
		}
		m.database["archive"] = resource.Database{Name: "archive", Charset: "latin1"}
		w.put("database.archive", &resource.Database{Instance: at("instance.orders"), Name: "archive", Charset: "utf8mb4"})
		u := user("old", grant("shop", "SELECT"))
		u.ConnectionLimit = 5
		w.put("user.old", u)
		return w
	}},
	{"rights-root", "Root, logs and TLS are asked of the engine in place; the password is nowhere.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Root, i.Logs, i.TLS = &resource.Password{Digest: "digest of root"}, []string{"slow"}, resource.TLS{Required: true, Names: []string{"db.example.org"}}
		})
		return w
	}},
	{"rights-root-drift", "Root enabled by hand is taken away; logs that nobody declared are left alone.", func(t *testing.T) *world {
		w := built(t)
		m := w.machine("instance.orders")
		m.body.Root, m.body.Logs, m.body.TLS.Required = &resource.Password{Engine: "own"}, []string{"general"}, true
		return w
	}},
	{"rights-root-password-drift", "A password of root that somebody changed is set again, and a log that somebody ended goes on.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Root, i.Logs = &resource.Password{Digest: "digest of root"}, []string{"general", "slow"}
		})
		w.apply(t)
		w.record("instance.orders", func(r *state.Record) {
			r.Body = resource.WithPassword(r.Body, &resource.Password{Digest: "digest of root", Engine: "ours"})
		})
		m := w.machine("instance.orders")
		m.body.Root, m.body.Logs = &resource.Password{Digest: "digest of root", Engine: "somebody's"}, []string{"slow"}
		return w
	}},
	{"rights-root-removed", "What is taken out of the configuration is taken away.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Root, i.Logs = &resource.Password{Digest: "digest of root"}, []string{"slow"}
		})
		w.apply(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Root, i.Logs = nil, nil })
		return w
	}},
	{"rights-root-unsupplied", "A new instance whose root has no password in this run is noted.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Root = &resource.Password{} })
		return w
	}},
	{"rights-database", "A database of PostgreSQL is renamed, gets another owner and extensions in place; its old name may be taken.", func(t *testing.T) *world {
		w := elsewhere(t, "postgresql", "15")
		edit(w, "database.shop", func(d *resource.Database) {
			d.Name, d.Owner, d.Extensions = "store", resource.Role{Name: "boss", Of: at("user.boss")}, []string{"citext"}
		})
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("store", "SELECT")} })
		boss := user("boss")
		boss.Host = ""
		w.put("user.boss", boss)
		w.put("database.fresh", &resource.Database{Instance: at("instance.orders"), Manager: "postgresql", Name: "shop"})
		return w
	}},
	{"rights-database-drift", "Another owner is drift, an extension that nobody declared is not.", func(t *testing.T) *world {
		w := elsewhere(t, "postgresql", "15")
		edit(w, "database.shop", func(d *resource.Database) {
			d.Owner, d.Extensions = resource.Role{Name: "boss"}, []string{"citext"}
		})
		w.apply(t)
		m := w.machine("instance.orders")
		d := m.database["shop"]
		d.Owner, d.Extensions = resource.Role{Name: "eve"}, []string{"citext", "hstore"}
		m.database["shop"] = d
		return w
	}},
	{"rights-database-let-go", "An owner that is taken out of the configuration stays, and is nobody's business any more.", func(t *testing.T) *world {
		w := elsewhere(t, "postgresql", "15")
		edit(w, "database.shop", func(d *resource.Database) { d.Owner = resource.Role{Name: "boss"} })
		w.apply(t)
		edit(w, "database.shop", func(d *resource.Database) { d.Owner = resource.Role{} })
		return w
	}},
	{"refused-database", "What is fixed when a database is made is refused, also of one that is there already.", func(t *testing.T) *world {
		w := elsewhere(t, "postgresql", "15")
		edit(w, "database.shop", func(d *resource.Database) { d.Encoding = "LATIN1" })
		w.machine("instance.orders").database["old"] = resource.Database{Manager: "postgresql", Name: "old", Encoding: "UTF8", Collation: "C.UTF-8"}
		w.put("database.old", &resource.Database{Instance: at("instance.orders"), Manager: "postgresql", Name: "old", Collation: "C"})
		return w
	}},
	{"rights-acl", "What a user of Redis may is one text, whose order counts.", func(t *testing.T) *world {
		w := elsewhere(t, "redis", "7.0")
		w.machine("instance.orders").account["app@"] = func() resource.User {
			u := w.machine("instance.orders").account["app@"]
			u.ACL = []string{"~*", "+@all"}
			return u
		}()
		edit(w, "user.app", func(u *resource.User) { u.ACL = []string{"~shop:*", "+@read", "-get"} })
		return w
	}},
}

// elsewhere is the shop on another engine, built.
func elsewhere(t *testing.T, manager, version string) *world {
	t.Helper()
	w := shop()
	edit(w, "datastore.mariadb", func(d *resource.Datastore) {
		d.Manager, d.Versions = manager, map[string]resource.DatastoreVersion{version: {Image: "mariadb-10.11"}}
	})
	edit(w, "config_group.oltp", func(g *resource.ConfigGroup) { g.Manager, g.Version, g.Values = manager, version, nil })
	edit(w, "instance.orders", func(i *resource.Instance) { i.Manager, i.Version, i.Settings = manager, version, nil })
	edit(w, "database.shop", func(d *resource.Database) { d.Manager, d.Charset, d.Encoding = manager, "", "UTF8" })
	edit(w, "user.app", func(u *resource.User) { u.Host = "" })
	if manager == "redis" {
		w.drop("database.shop")
		edit(w, "user.app", func(u *resource.User) { u.Grants, u.ACL = nil, []string{"~shop:*", "+@read"} })
	}
	w.apply(t)
	return w
}
