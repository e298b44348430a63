package executor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

const (
	shop = "database.shop"
	app  = "user.app"
)

// silenced: of what lives in a guest that does not answer nothing is planned, and a change of it fails alone.
func silenced(where string, edit func(f estate)) scenario {
	return cell(func(t *testing.T) {
		w, f := built(t)
		w.guests.silence(w.member(orders).ID)
		p, err := w.plan(plan.ModeApply)
		must(t, err)
		if len(p.Steps) != 0 {
			t.Fatalf("steps from what is unknown: %v", stepIDs(p))
		}
		edit(f)
		before := w.record(where)
		_ = w.fails(plan.ModeApply, "update "+where, "nobody at")
		if got := w.record(where); !sameBody(got.Body, before.Body) {
			t.Errorf("what was not done is recorded: %+v", got.Body)
		}
		w.guests.speak(w)
		w.done(plan.ModeApply, "update "+where)
	})
}

func sameBody(a, b resource.Body) bool {
	x, err := resource.EncodeBody(a)
	y, err2 := resource.EncodeBody(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

// unmanaged: what is in a guest and was never declared is reported and left alone.
func unmanaged(kind resource.Kind, add func(t *testing.T, w *world), name string) scenario {
	return cell(func(t *testing.T) {
		w, _ := built(t)
		add(t, w)
		w.orphans = true
		p, err := w.plan(plan.ModeApply)
		must(t, err)
		if len(p.Steps) != 0 || len(p.Unmanaged) != 1 || p.Unmanaged[0].Name != name || p.Unmanaged[0].Kind != kind {
			t.Errorf("steps %v, unmanaged %v", stepIDs(p), p.Unmanaged)
		}
	})
}

func databaseCells() map[string]scenario {
	onlyShop := []string{"update " + shop}
	return map[string]scenario{
		"create-minimal": change(func(f estate) {
			f.add("database.plain", &resource.Database{Instance: address(orders), Name: "plain"})
		}, []string{"create database.plain"}, func(t *testing.T, w *world) {
			if _, there := w.database("plain"); !there {
				t.Error("the database is not there")
			}
		}),
		"create-full": change(func(f estate) {
			f.add("database.full", &resource.Database{Instance: address(orders), Name: "a`b \"c\" %d ü", Charset: "latin1", Collation: "latin1_bin"})
		}, []string{"create database.full"}, func(t *testing.T, w *world) {
			if d, there := w.database("a`b \"c\" %d ü"); !there || d.Charset != "latin1" || d.Collation != "latin1_bin" {
				t.Errorf("the database is %+v", d)
			}
		}),
		"update-charset": change(func(f estate) { f.db.Charset = "latin1" }, onlyShop, func(t *testing.T, w *world) {
			if d, _ := w.database("shop"); d.Charset != "latin1" {
				t.Errorf("the database is %+v", d)
			}
		}),
		"update-collation": change(func(f estate) { f.db.Collation = "utf8mb4_bin" }, onlyShop, func(t *testing.T, w *world) {
			if d, _ := w.database("shop"); d.Charset != "utf8mb4" || d.Collation != "utf8mb4_bin" {
				t.Errorf("the database is %+v", d)
			}
		}),
		"create-full (PostgreSQL)": cell(createOwned),
		"update-name":              cell(renameDatabase),
		"update-name (swapped)":    cell(swapDatabases),
		"update-owner":             cell(updateOwner),
		"update-extensions":        cell(updateExtensions),
		"replace (PostgreSQL)": cell(func(t *testing.T) {
			w, f := builtOn(t, "postgresql", "15")
			f.db.Encoding, f.db.Collation = "LATIN1", "C"
			w.refuses(plan.ModeApply, "encoding of "+shop+" cannot be changed", "collation of "+shop+" cannot be changed")
		}),
		"drift (PostgreSQL)":       cell(driftOfOwned),
		"update-lifecycle.protect": protected(shop),
		"update-depends_on":        depends(shop, "datastore.other"),
		"replace": cell(func(t *testing.T) {
			refusal(t, func(f estate) { f.db.Name = "store" }, "name of "+shop+" cannot be changed")
		}),
		"delete": change(func(f estate) {
			f.without(shop)
			f.user.Grants = nil
		}, []string{"delete " + shop, "update " + app}, func(t *testing.T, w *world) {
			if _, there := w.database("shop"); there {
				t.Error("the database is still there")
			}
		}),
		"drift": cell(func(t *testing.T) {
			w, _ := built(t)
			must(t, w.engine().DropDatabase(context.Background(), "shop"))
			w.done(plan.ModeApply, "create "+shop, "update "+app)
			must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "shop", Charset: "latin1"}}))
			w.done(plan.ModeApply, onlyShop...)
		}),
		"unknown": silenced(shop, func(f estate) { f.db.Charset = "latin1" }),
		"dependency": cell(func(t *testing.T) {
			w, f := built(t)
			f.db.Charset = "latin1"
			f.user.Grants[0].Privileges = []string{"DELETE"}
			w.carrier = refusing(guest.MethodPutDatabase, guest.Errorf(guest.KindEngine, "disk full"))
			_ = w.fails(plan.ModeApply, "disk full")
			if got := w.outcomes()["update "+app]; got != "skipped because of update "+shop {
				t.Errorf("the user that is granted on it: %q", got)
			}
			w.carrier = nil
			w.done(plan.ModeApply, "update "+shop, "update "+app)
		}),
		"orphan": unmanaged(resource.KindDatabase, func(t *testing.T, w *world) {
			must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "mine"}}))
		}, "mine"),
		"import": none(importLater),
	}
}

// repassword gives a user another password, as the wiring does.
func (f estate) repassword(where, password string) {
	f.resource(where).Body.(*resource.User).Password = &resource.Password{Digest: "digest of " + password}
	f.w.secret[address(where)] = resource.NewSecret(verifier(password))
}

func verifier(password string) string {
	engine, _ := catalog.Lookup("mariadb")
	return engine.Verifier(password, nil)
}

func wantGrant(t *testing.T, w *world, name, host, database string, privileges ...string) {
	t.Helper()
	a, there := w.account(name, host)
	if !there {
		t.Fatalf("there is no %s@%s", name, host)
	}
	got := ""
	for _, g := range a.Grants {
		if g.Database == database {
			got = strings.Join(g.Privileges, ", ")
		}
	}
	wantText(t, got, strings.Join(privileges, ", "))
}

func userCells() map[string]scenario {
	onlyApp := []string{"update " + app}
	return map[string]scenario{
		"create-minimal": change(func(f estate) {
			f.add("user.plain", &resource.User{Instance: address(orders), Name: "plain", Host: "%"})
			f.repassword("user.plain", "p")
		}, []string{"create user.plain"}, func(t *testing.T, w *world) {
			if a, there := w.account("plain", "%"); !there || a.Verifier != verifier("p") || len(a.Grants) != 0 {
				t.Errorf("the account is %+v", a)
			}
		}),
		"create-full": change(func(f estate) {
			f.add("user.full", &resource.User{
				Instance: address(orders), Name: "a'b\"c`%ü", Host: "10.20.%", Additive: true,
				Grants: []resource.Grant{{Database: "*", Privileges: []string{"PROCESS"}}, {Database: "shop", Privileges: []string{"ALL PRIVILEGES"}, Of: address(shop)}},
			})
			f.repassword("user.full", "p")
		}, []string{"create user.full"}, func(t *testing.T, w *world) {
			wantGrant(t, w, "a'b\"c`%ü", "10.20.%", "*", "PROCESS")
			wantGrant(t, w, "a'b\"c`%ü", "10.20.%", "shop", "ALL PRIVILEGES")
		}),
		"update-name": change(func(f estate) { f.user.Name = "app2" }, onlyApp, func(t *testing.T, w *world) { wantMoved(t, w, "app2", "%") }),
		"update-host": change(func(f estate) { f.user.Host = "10.%" }, onlyApp, func(t *testing.T, w *world) { wantMoved(t, w, "app", "10.%") }),
		"update-password": change(func(f estate) { f.repassword(app, "two") }, onlyApp, func(t *testing.T, w *world) {
			if a, _ := w.account("app", "%"); a.Verifier != verifier("two") {
				t.Error("the password was not set")
			}
		}),
		"update-grant": change(func(f estate) {
			f.user.Grants = []resource.Grant{{Database: "*", Privileges: []string{"PROCESS"}}, {Database: "shop", Privileges: []string{"DELETE", "INSERT"}, Of: address(shop)}}
		}, onlyApp, func(t *testing.T, w *world) {
			wantGrant(t, w, "app", "%", "shop", "DELETE", "INSERT")
			wantGrant(t, w, "app", "%", "*", "PROCESS")
		}),
		"update-grant (on tables)": cell(updateTables),
		"update-roles":             cell(updateRoles),
		"update-connection_limit": change(func(f estate) { f.user.ConnectionLimit = 7 }, onlyApp, func(t *testing.T, w *world) {
			if a, _ := w.account("app", "%"); a.ConnectionLimit != 7 {
				t.Errorf("the account is %+v", a)
			}
		}),
		"update-require_tls": change(func(f estate) { f.user.RequireTLS = true }, onlyApp, func(t *testing.T, w *world) {
			if a, _ := w.account("app", "%"); !a.RequireTLS {
				t.Errorf("the account is %+v", a)
			}
		}),
		"update-acl":               cell(updateACL),
		"create-full (Redis)":      cell(createRedis),
		"drift (Redis)":            cell(driftOfACL),
		"update-name (owner)":      cell(renameOwner),
		"update-grants":            cell(updateAdditive),
		"update-lifecycle.protect": protected(app),
		"update-depends_on":        depends(app, "datastore.other"),
		"replace": cell(func(t *testing.T) {
			refusal(t, func(f estate) {
				twin := *f.inst
				twin.Name = "twin"
				f.add("instance.twin", &twin)
				f.user.Instance = address("instance.twin")
			}, "instance of "+app+" cannot be changed")
		}),
		"delete": change(func(f estate) { f.without(app) }, []string{"delete " + app}, func(t *testing.T, w *world) {
			if _, there := w.account("app", "%"); there {
				t.Error("the account is still there")
			}
		}),
		"drift":   cell(driftOfUser),
		"unknown": silenced(app, func(f estate) { f.user.Grants[0].Privileges = []string{"DELETE"} }),
		"dependency": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{password: "one"})
			w.carrier = refusing(guest.MethodPutDatabase, guest.Errorf(guest.KindEngine, "disk full"))
			_ = w.fails(plan.ModeApply, "create "+shop, "disk full")
			wantText(t, w.outcomes()["create "+app], "skipped because of create "+shop)
			w.carrier = nil
			w.done(plan.ModeApply, "create "+shop, "create "+app)
		}),
		"orphan": unmanaged(resource.KindUser, func(t *testing.T, w *world) {
			_, err := w.engine().PutUser(context.Background(), guest.PutUser{Name: "mine", Host: "%", Verifier: verifier("m"), Authoritative: true})
			must(t, err)
		}, "mine@%"),
		"import": none(importLater),
	}
}

// wantMoved: the account has its new name, its password and its grants, and the old one is gone.
func wantMoved(t *testing.T, w *world, name, host string) {
	t.Helper()
	if _, there := w.account("app", "%"); there {
		t.Error("the account still has its old name")
	}
	if a, _ := w.account(name, host); a.Verifier != verifier("one") {
		t.Error("the password did not move with it")
	}
	wantGrant(t, w, name, host, "shop", "SELECT")
}

// updateAdditive: additive grants leave what others granted; authoritative ones take it away.
func updateAdditive(t *testing.T) {
	w, f := built(t)
	f.user.Additive = true
	w.done(plan.ModeApply, "update "+app)
	_, err := w.engine().PutUser(context.Background(), guest.PutUser{Name: "app", Host: "%", Grants: []guest.Grant{{Database: "shop", Privileges: []string{"DELETE"}}}})
	must(t, err)
	w.ended(plan.ModeApply)
	f.user.Additive = false
	w.done(plan.ModeApply, "update "+app)
	wantGrant(t, w, "app", "%", "shop", "SELECT")
}

// driftOfUser: a grant taken away, one added, a password changed, and at last the account gone.
func driftOfUser(t *testing.T) {
	w, _ := built(t)
	ctx := context.Background()
	_, err := w.engine().PutUser(ctx, guest.PutUser{Name: "app", Host: "%", Verifier: verifier("stolen"), Authoritative: true,
		Grants: []guest.Grant{{Database: "shop", Privileges: []string{"DELETE"}}}})
	must(t, err)
	w.done(plan.ModeApply, "update "+app)
	wantGrant(t, w, "app", "%", "shop", "SELECT")
	if a, _ := w.account("app", "%"); a.Verifier != verifier("one") {
		t.Error("the password was not put right")
	}
	must(t, w.engine().DropUser(ctx, guest.UserName{Name: "app", Host: "%"}))
	w.done(plan.ModeApply, "create "+app)
}
