package executor_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// careCells are the updates of what an engine is asked for beside its settings.
func careCells() map[string]scenario {
	return map[string]scenario{
		"create-full (root and logs)": cell(createWithRoot),
		"update-root.enabled":         cell(updateRoot),
		"update-root.password": change(func(f estate) { f.rootPassword("one") }, onlyInstance, func(t *testing.T, w *world) {
			f := w.estate()
			wantRoot(t, w, "one")
			f.rootPassword("two")
			w.done(plan.ModeApply, onlyInstance...)
			wantRoot(t, w, "two")
		}),
		"update-logs": cell(updateLogs),
		"update-tls.required": change(func(f estate) { f.inst.TLS.Required = true }, onlyInstance, func(t *testing.T, w *world) {
			if required, err := w.engine().TLSRequired(context.Background()); err != nil || !required {
				t.Errorf("TLS is required: %t, %v", required, err)
			}
		}),
		"update-tls.names": change(func(f estate) { f.inst.TLS.Names = []string{"db.example.org"} }, onlyInstance, func(t *testing.T, w *world) {
			if names := w.inspect(orders).TLS.Names; !slices.Contains(names, "db.example.org") {
				t.Errorf("the certificate is for %v", names)
			}
		}),
		"drift (root and logs)": cell(driftOfRoot),
	}
}

// rootPassword gives root a password, as the wiring does.
func (f estate) rootPassword(password string) {
	f.inst.Root = &resource.Password{Digest: "digest of " + password}
	f.w.secret[address(orders)] = resource.NewSecret(verifier(password))
}

func (w *world) inspect(where string) guest.Inspection {
	w.t.Helper()
	seen, err := w.guests.Inspect(context.Background(), w.member(where), nil)
	must(w.t, err)
	return seen
}

// wantRoot checks that root has this password and that the state holds no more than digests; empty: there is no root.
func wantRoot(t *testing.T, w *world, password string) {
	t.Helper()
	root, err := w.engine().Root(context.Background())
	must(t, err)
	recorded := w.record(orders).Body.(*resource.Instance).Root
	if password == "" {
		if root.Verifier != "" || recorded != nil {
			t.Errorf("root is enabled: %t, recorded as %+v", root.Verifier != "", recorded)
		}
		return
	}
	if root.Verifier != verifier(password) {
		t.Error("root has another password")
	}
	if recorded == nil || recorded.Digest != "digest of "+password || recorded.Engine != w.inspect(orders).Root.VerifierDigest {
		t.Errorf("root is recorded as %+v", recorded)
	}
}

func logsOf(w *world) []string {
	w.t.Helper()
	all, err := w.engine().ListLogs(context.Background())
	must(w.t, err)
	var names []string
	for _, log := range all {
		if log.Enabled && !log.Fixed {
			names = append(names, log.Name)
		}
	}
	return names
}

func createWithRoot(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{password: "app"})
	f := w.estate()
	f.inst.Root, f.inst.Logs = &resource.Password{}, []string{"slow"}
	_ = w.fails(plan.ModeApply, "the password of "+orders+" was not supplied")
	if made := w.cloud.Objects(); len(made.Servers)+len(made.Volumes)+len(made.Ports) > 0 {
		t.Errorf("something was made for an instance that cannot be: %+v", made)
	}
	f.rootPassword("one")
	_, _, err := w.run(0, plan.ModeApply)
	must(t, err)
	w.ended(plan.ModeApply)
	wantRoot(t, w, "one")
	wantTexts(t, logsOf(w), "slow")
}

// updateRoot: enabled, disabled, and enabled again, which needs the password again.
func updateRoot(t *testing.T) {
	w, f := built(t)
	f.rootPassword("one")
	w.done(plan.ModeApply, onlyInstance...)
	f.inst.Root = nil
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "")
	f.inst.Root = &resource.Password{}
	delete(w.secret, address(orders))
	_ = w.fails(plan.ModeApply, "was not supplied")
	wantRoot(t, w, "")
	f.rootPassword("two")
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "two")
	f.inst.Root, f.inst.Name = &resource.Password{}, "renamed" // not supplied, and not needed
	delete(w.secret, address(orders))
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "two")
}

// updateLogs: what is declared is the whole set; what was never declared is left alone.
func updateLogs(t *testing.T) {
	w, f := built(t)
	must(t, w.engine().PutLogs(context.Background(), []string{"general"}))
	w.ended(plan.ModeApply)
	f.inst.Logs = []string{"slow"}
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, logsOf(w), "slow")
	f.inst.Logs = nil
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, logsOf(w))
}

// driftOfRoot: enabled by hand, given another password, disabled; and logs beside the declared ones.
func driftOfRoot(t *testing.T) {
	ctx := context.Background()
	w, f := built(t)
	_, err := w.engine().PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: verifier("by hand")})
	must(t, err)
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if len(p.Drift) != 1 || p.Drift[0].Changes[0].Path != "root.enabled" {
		t.Errorf("the drift is %+v", p.Drift)
	}
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "")
	f.rootPassword("one")
	f.inst.Logs = []string{"slow"}
	w.done(plan.ModeApply, onlyInstance...)
	_, err = w.engine().PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: verifier("by hand")})
	must(t, err)
	must(t, w.engine().PutLogs(ctx, []string{"general"}))
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "one")
	wantTexts(t, logsOf(w), "slow")
	_, err = w.engine().PutRoot(ctx, guest.PutRoot{})
	must(t, err)
	w.done(plan.ModeApply, onlyInstance...)
	wantRoot(t, w, "one")
}

// grantsOf are the grants of an account, each as what it is on and what it gives.
func grantsOf(w *world, name string) []string {
	w.t.Helper()
	a, _ := w.account(name, "%")
	var out []string
	for _, g := range a.Grants {
		one := resource.Grant{Database: g.Database, Schema: g.Schema, Table: g.Table, Grantable: g.Grantable}
		out = append(out, one.Path()+" "+strings.Join(g.Privileges, ","))
	}
	return out
}

// updateTables: grants on tables stand beside the one on their database, and go each for itself.
func updateTables(t *testing.T) {
	w, f := built(t)
	shopGrant := resource.Grant{Database: "shop", Privileges: []string{"SELECT"}, Of: address(shop)}
	orders, lines := shopGrant, shopGrant
	orders.Table, orders.Privileges = "orders", []string{"INSERT", "UPDATE"}
	lines.Table, lines.Grantable = "lines", true
	f.user.Grants = []resource.Grant{shopGrant, lines, orders}
	w.done(plan.ModeApply, "update "+app)
	want := []string{`grant["shop"] SELECT`, `grant["shop"].table["lines"].grantable SELECT`, `grant["shop"].table["orders"] INSERT,UPDATE`}
	if diff := cmp.Diff(want, grantsOf(w, "app")); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	f.user.Grants = []resource.Grant{orders}
	w.done(plan.ModeApply, "update "+app)
	if diff := cmp.Diff(want[2:], grantsOf(w, "app")); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

// updateRoles: a user that is made in the same apply may be a role; one that somebody else gave is taken away.
func updateRoles(t *testing.T) {
	w, f := built(t)
	f.add("user.readers", &resource.User{Instance: address("instance.orders"), Name: "readers", Host: "%"})
	f.repassword("user.readers", "r")
	f.user.Roles = []resource.Role{{Name: "readers", Of: address("user.readers")}}
	w.done(plan.ModeApply, "create user.readers", "update "+app)
	roles := func() []string {
		a, _ := w.account("app", "%")
		return a.Roles
	}
	wantTexts(t, roles(), "readers")
	f.user.Roles = nil
	w.done(plan.ModeApply, "update "+app)
	wantTexts(t, roles())
	_, err := w.engine().PutUser(context.Background(), guest.PutUser{Name: "app", Host: "%", Rights: guest.Rights{Roles: []string{"readers"}}})
	must(t, err)
	w.done(plan.ModeApply, "update "+app)
	wantTexts(t, roles())
	f.user.Roles = []resource.Role{{Name: "nobody"}}
	_ = w.fails(plan.ModeApply, `there is no role "nobody"`)
}
