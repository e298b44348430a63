package executor_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// askOn asks for the smallest estate on another engine.
func (w *world) askOn(manager, version string) estate {
	w.t.Helper()
	w.ask(shape{password: "one"})
	f := w.estate()
	f.store.Manager, f.store.Versions = manager, map[string]resource.DatastoreVersion{version: {Image: "mariadb-10.11"}}
	f.group.Manager, f.group.Version = manager, version
	f.inst.Manager, f.inst.Version = manager, version
	f.db.Manager, f.db.Charset = manager, ""
	engine, _ := catalog.Lookup(manager)
	if f.user.Host = ""; !engine.HasDatabases {
		f.without(shop)
		f.user.Grants, f.user.ACL = nil, []string{"~shop:*", "+@read"}
	}
	w.secret[address(app)] = resource.NewSecret(engine.Verifier("one", []byte("salt")))
	return f
}

// builtOn is built on another engine.
func builtOn(t *testing.T, manager, version string) (*world, estate) {
	t.Helper()
	w := newWorld(t)
	w.askOn(manager, version)
	w.apply(plan.ModeApply)
	return w, w.askOn(manager, version)
}

func wantDatabase(t *testing.T, w *world, want guest.Database) {
	t.Helper()
	got, _ := w.database(want.Name)
	if diff := cmp.Diff(want, got.Database); diff != "" {
		t.Errorf("the database (-want +got):\n%s", diff)
	}
}

// createOwned: an owner that is made in the same apply, and a user that is granted on its database.
func createOwned(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	f.add("user.owner", &resource.User{Instance: address(orders), Name: "owner"})
	f.ownPassword("user.owner")
	f.add("database.full", &resource.Database{
		Instance: address(orders), Manager: "postgresql", Name: "full", Encoding: "LATIN1", Collation: "C",
		Owner: resource.Role{Name: "owner", Of: address("user.owner")}, Extensions: []string{"citext"},
	})
	f.user.Grants = append(f.user.Grants, resource.Grant{Database: "full", Schema: "public", Table: "t", Privileges: []string{"SELECT"}, Of: address("database.full")})
	w.done(plan.ModeApply, "create user.owner", "create database.full", "update "+app)
	wantDatabase(t, w, guest.Database{Name: "full", Encoding: "LATIN1", Collation: "C", Owner: "owner", Extensions: []string{"citext"}})
	f.without("database.full", "user.owner")
	f.user.Grants = f.user.Grants[:1]
	w.done(plan.ModeApply, "delete database.full", "delete user.owner", "update "+app)
}

func (f estate) ownPassword(where string) {
	engine, _ := catalog.Lookup(f.inst.Manager)
	f.resource(where).Body.(*resource.User).Password = &resource.Password{Digest: "digest of own"}
	f.w.secret[address(where)] = resource.NewSecret(engine.Verifier("own", []byte("salt")))
}

// renameDatabase: the database keeps what is in it, and the grants on it follow.
func renameDatabase(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "shop", Extensions: []string{"hstore"}}}))
	f.db.Name = "store"
	f.user.Grants[0].Database = "store"
	w.done(plan.ModeApply, "update "+shop, "update "+app)
	wantDatabase(t, w, guest.Database{Name: "store", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "postgres", Extensions: []string{"hstore"}})
	if _, there := w.database("shop"); there {
		t.Error("the database is there under its old name too")
	}
}

// swapDatabases: a name that a rename frees is taken by a new database only then.
func swapDatabases(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "shop", Extensions: []string{"hstore"}}}))
	f.db.Name = "old"
	f.user.Grants = nil
	f.add("database.fresh", &resource.Database{Instance: address(orders), Manager: "postgresql", Name: "shop"})
	w.done(plan.ModeApply, "update "+shop, "create database.fresh", "update "+app)
	if old, _ := w.database("old"); len(old.Extensions) != 1 {
		t.Errorf("the renamed database is %+v", old)
	}
	if fresh, there := w.database("shop"); !there || len(fresh.Extensions) != 0 {
		t.Errorf("the new one is %+v, there: %t", fresh, there)
	}
}

func updateOwner(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	f.add("user.owner", &resource.User{Instance: address(orders), Name: "owner"})
	f.ownPassword("user.owner")
	f.db.Owner = resource.Role{Name: "owner", Of: address("user.owner")}
	w.done(plan.ModeApply, "create user.owner", "update "+shop)
	wantDatabase(t, w, guest.Database{Name: "shop", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "owner"})
	f.db.Owner = resource.Role{}
	w.done(plan.ModeApply, "update "+shop) // the record alone: from now on it is left alone
	wantDatabase(t, w, guest.Database{Name: "shop", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "owner"})
	f.db.Owner = resource.Role{Name: "nobody"}
	_ = w.fails(plan.ModeApply, `there is no role "nobody"`)
}

// renameOwner: a user that owns a database is renamed, and both of its records follow.
func renameOwner(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	f.user.Grants, f.db.Owner = nil, resource.Role{Name: "app", Of: address(app)}
	w.done(plan.ModeApply, "update "+shop, "update "+app)
	f.user.Name, f.db.Owner.Name = "app2", "app2"
	w.done(plan.ModeApply, "update "+shop, "update "+app)
	wantDatabase(t, w, guest.Database{Name: "shop", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "app2"})
}

// updateExtensions: those that are taken out of the configuration stay.
func updateExtensions(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	f.db.Extensions = []string{"citext", "hstore"}
	w.done(plan.ModeApply, "update "+shop)
	f.db.Extensions = []string{"hstore"}
	w.done(plan.ModeApply, "update "+shop)
	wantDatabase(t, w, guest.Database{Name: "shop", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "postgres", Extensions: []string{"citext", "hstore"}})
}

// driftOfOwned: another owner by hand is put right; extensions that nobody declared are left alone.
func driftOfOwned(t *testing.T) {
	w, f := builtOn(t, "postgresql", "15")
	f.user.Grants, f.db.Owner = nil, resource.Role{Name: "app", Of: address(app)}
	w.done(plan.ModeApply, "update "+shop, "update "+app)
	must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "shop", Owner: "postgres", Extensions: []string{"hstore"}}}))
	w.done(plan.ModeApply, "update "+shop)
	wantDatabase(t, w, guest.Database{Name: "shop", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "app", Extensions: []string{"hstore"}})
}

func createRedis(t *testing.T) {
	w, f := builtOn(t, "redis", "7.0")
	f.add("user.nobody", &resource.User{Instance: address(orders), Name: "nobody"})
	f.ownPassword("user.nobody")
	w.done(plan.ModeApply, "create user.nobody")
	wantACL(t, w, "nobody")
	wantACL(t, w, "app", "~shop:*", "+@read")
}

func wantACL(t *testing.T, w *world, name string, rules ...string) {
	t.Helper()
	a, there := w.account(name, "")
	if !there {
		t.Fatalf("there is no user %s", name)
	}
	wantTexts(t, a.ACL, rules...)
}

func updateACL(t *testing.T) {
	w, f := builtOn(t, "redis", "7.0")
	f.user.ACL = []string{"~shop:*", "+@read", "+set"}
	w.done(plan.ModeApply, "update "+app)
	wantACL(t, w, "app", f.user.ACL...)
	f.user.ACL = nil
	w.done(plan.ModeApply, "update "+app)
	wantACL(t, w, "app")
}

// driftOfACL: rules are one text, and whatever somebody makes of them is put right.
func driftOfACL(t *testing.T) {
	w, _ := builtOn(t, "redis", "7.0")
	_, err := w.engine().PutUser(context.Background(), guest.PutUser{Name: "app", Rights: guest.Rights{ACL: []string{"~*", "+@all"}}})
	must(t, err)
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if len(p.Drift) != 1 || len(p.Drift[0].Changes) != 1 || p.Drift[0].Changes[0].After != "~* +@all" {
		t.Errorf("the drift is %+v", p.Drift)
	}
	w.done(plan.ModeApply, "update "+app)
	wantACL(t, w, "app", "~shop:*", "+@read")
}

// TestCrash_databaseRenamed: wherever a rename dies, the next apply ends it, and the database keeps what is in it.
func TestCrash_databaseRenamed(t *testing.T) {
	start := func() *world {
		w, f := builtOn(t, "postgresql", "15")
		must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "shop", Extensions: []string{"hstore"}}}))
		f.db.Name = "store"
		f.user.Grants[0].Database = "store"
		return w
	}
	whole, _, err := start().run(0, plan.ModeApply)
	if err != nil || whole.points < 5 {
		t.Fatalf("%d points: %v", whole.points, err)
	}
	for p := 1; p <= whole.points; p++ {
		w := start()
		if _, _, err := w.run(p, plan.ModeApply); err == nil {
			t.Fatalf("death at point %d had no effect", p)
		}
		s := story{name: "rename", mode: plan.ModeApply}
		if err := s.finish(w); err != nil {
			t.Fatalf("died at %d (%s): %v", p, lastOf(whole.trace[:p]), err)
		}
		wantDatabase(t, w, guest.Database{Name: "store", Encoding: "UTF8", Collation: "C.UTF-8", Owner: "postgres", Extensions: []string{"hstore"}})
		if _, there := w.database("shop"); there {
			t.Fatalf("died at %d (%s): the old name is there again", p, lastOf(whole.trace[:p]))
		}
		w.guests.end()
	}
}
