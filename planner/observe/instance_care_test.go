package observe_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
)

// TestLook_care: what a guest tells of root, logs and TLS is in the body, and what it does not tell is as recorded.
func TestLook_care(t *testing.T) {
	recorded := resource.Instance{Root: &resource.Password{Digest: "d", Engine: "e"}, Logs: []string{"slow"}, TLS: resource.TLS{Required: true, Names: []string{"n"}}}
	for _, c := range []struct {
		name string
		says guest.Inspection
		want resource.Instance
	}{
		{"nothing", guest.Inspection{}, recorded},
		{"disabled", guest.Inspection{
			Root: &guest.ObservedRoot{}, Logs: []guest.ObservedLog{{Name: "error", Enabled: true, Fixed: true}, {Name: "slow"}}, TLS: &guest.ObservedTLS{},
		}, resource.Instance{TLS: resource.TLS{Names: []string{"n"}}}},
		{"changed", guest.Inspection{
			Root: &guest.ObservedRoot{Enabled: true, VerifierDigest: "other"}, TLS: &guest.ObservedTLS{Required: true},
			Logs: []guest.ObservedLog{{Name: "slow", Enabled: true}, {Name: "error", Enabled: true, Fixed: true}, {Name: "general", Enabled: true}},
		}, resource.Instance{
			Root: &resource.Password{Digest: "d", Engine: "other"}, Logs: []string{"general", "slow"}, TLS: recorded.TLS,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			r := w.prior.Records[orders]
			body := *r.Body.(*resource.Instance)
			body.Root, body.Logs, body.TLS = recorded.Root, recorded.Logs, recorded.TLS
			r.Body = &body
			w.prior.Records[orders] = r
			w.say(func(i *guest.Inspection) { i.Root, i.Logs, i.TLS = c.says.Root, c.says.Logs, c.says.TLS })
			seen := w.seen().Seen[orders].Body.(*resource.Instance)
			got := resource.Instance{Root: seen.Root, Logs: seen.Logs, TLS: seen.TLS}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(resource.Key{}, resource.Secret{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLook_engine: an engine that takes no writes, or has no room, still tells what it has.
func TestLook_engine(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name   string
		says   func(*guest.Inspection)
		status string
		codes  []string
	}{
		{"read-only", func(i *guest.Inspection) { i.Status = guest.StatusReadOnly }, "read_only", []string{"engine_read_only"}},
		{"nearly full", func(i *guest.Inspection) { i.Volume = &guest.ObservedVolume{UsedBytes: 9 * gib, FreeBytes: gib} }, "ready", []string{"disk_nearly_full"}},
		{"room left", func(i *guest.Inspection) { i.Volume = &guest.ObservedVolume{UsedBytes: 89 * gib, FreeBytes: 11 * gib} }, "ready", nil},
		{"no sizes", func(i *guest.Inspection) { i.Volume = &guest.ObservedVolume{UsedBytes: -1, FreeBytes: -1} }, "ready", nil},
		{"both", func(i *guest.Inspection) {
			i.Status, i.Volume = guest.StatusReadOnly, &guest.ObservedVolume{UsedBytes: gib, FreeBytes: 0}
		}, "read_only", []string{"disk_nearly_full", "engine_read_only"}},
		{"restart required", func(i *guest.Inspection) { i.Status = guest.StatusRestartRequired }, "restart_required", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.build("orders")
			w.say(c.says)
			seen := w.seen()
			s := seen.Seen[orders]
			var codes []string
			for _, one := range s.Conditions {
				codes = append(codes, one.Code)
			}
			slices.Sort(codes)
			if diff := cmp.Diff(c.codes, codes); diff != "" || s.Computed["status"] != c.status || s.Unverified != "" {
				t.Errorf("conditions (-want +got):\n%sstatus %q, unverified %q", diff, s.Computed["status"], s.Unverified)
			}
			if d := seen.Seen[at("database.orders")]; d.Presence != planner.Present {
				t.Errorf("the database is %+v", d)
			}
		})
	}
}

// TestLook_rights: what a guest tells of a user and a database is in their bodies, with the references of the record.
func TestLook_rights(t *testing.T) {
	w := newWorld(t)
	w.build("orders")
	change := func(address string, edit func(resource.Body) resource.Body) {
		r := w.prior.Records[at(address)]
		r.Body = edit(r.Body)
		w.prior.Records[at(address)] = r
	}
	var name, host, database string
	change("user.orders", func(b resource.Body) resource.Body {
		u := *b.(*resource.User)
		name, host = u.Name, u.Host
		u.Roles = []resource.Role{{Name: "readers", Of: at("user.readers")}}
		return &u
	})
	change("database.orders", func(b resource.Body) resource.Body {
		d := *b.(*resource.Database)
		database, d.Owner, d.Manager = d.Name, resource.Role{Name: "app", Of: at("user.orders")}, "postgresql"
		return &d
	})
	w.say(func(i *guest.Inspection) {
		i.Users = []guest.ObservedUser{{Name: name, Host: host, VerifierDigest: "v", Rights: guest.Rights{
			Roles: []string{"readers", "others"}, ACL: []string{"+@read"}, ConnectionLimit: 7, RequireTLS: true,
		}, Grants: []guest.Grant{
			{Database: database, Table: "t", Privileges: []string{"SELECT"}, Grantable: true}, {Database: database, Schema: "s", Privileges: []string{"SELECT"}},
		}}}
		i.Databases = []guest.ObservedDatabase{{Database: guest.Database{Name: database, Owner: "app", Encoding: "UTF8", Collation: "C", Extensions: []string{"pg_trgm", "citext"}}}}
	})
	seen := w.seen().Seen
	u := seen[at("user.orders")].Body.(*resource.User)
	d := seen[at("database.orders")].Body.(*resource.Database)
	var paths []string
	for _, g := range u.Grants {
		paths = append(paths, g.Path())
	}
	want := []string{`grant["` + database + `"].table["t"].grantable`, `grant["` + database + `"].schema["s"]`}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	roles := []resource.Role{{Name: "others"}, {Name: "readers", Of: at("user.readers")}}
	if !slices.Equal(u.Roles, roles) || !slices.Equal(u.ACL, []string{"+@read"}) || u.ConnectionLimit != 7 || !u.RequireTLS {
		t.Errorf("the user is %+v", u)
	}
	if d.Owner != (resource.Role{Name: "app", Of: at("user.orders")}) || d.Encoding != "UTF8" || d.Collation != "C" || !slices.Equal(d.Extensions, []string{"citext", "pg_trgm"}) {
		t.Errorf("the database is %+v", d)
	}
	w.say(func(i *guest.Inspection) { i.Databases[0].Owner = "eve" })
	if d := w.seen().Seen[at("database.orders")].Body.(*resource.Database); d.Owner != (resource.Role{Name: "eve"}) {
		t.Errorf("another owner is %+v", d.Owner)
	}
}
