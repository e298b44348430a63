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
}
