package enginetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func databases(t *testing.T, s Subject) {
	d, has := s.Engine.(engine.Databases)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	expect := func(t *testing.T, want ...guest.Database) {
		t.Helper()
		list, err := d.ListDatabases(ctx)
		ok(t, err)
		var got []guest.Database
		for _, o := range list {
			got = append(got, o.Database)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("databases (-want +got):\n%s", diff)
		}
	}
	standard := func(name string) guest.Database {
		return guest.Database{Name: name, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	}
	t.Run("system databases are hidden", func(t *testing.T) { expect(t) })
	t.Run("put makes, twice is once, lists are sorted", func(t *testing.T) {
		for _, name := range []string{"shop", "billing", "Shop", "shop"} {
			ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}))
		}
		expect(t, standard("Shop"), standard("billing"), standard("shop"))
	})
	t.Run("put sets charset and collation in place", func(t *testing.T) {
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop", Charset: "latin1"}}))
		expect(t, standard("Shop"), standard("billing"), guest.Database{Name: "shop", Charset: "latin1", Collation: "latin1_swedish_ci"})
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop", Charset: "UTF8MB4", Collation: "utf8mb4_unicode_ci"}}))
		last := guest.Database{Name: "shop", Charset: "utf8mb4", Collation: "utf8mb4_unicode_ci"}
		expect(t, standard("Shop"), standard("billing"), last)
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
		expect(t, standard("Shop"), standard("billing"), last)
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "billing", Collation: "latin1_bin"}}))
		expect(t, standard("Shop"), guest.Database{Name: "billing", Charset: "latin1", Collation: "latin1_bin"}, last)
	})
	t.Run("what the catalog refuses is invalid", func(t *testing.T) {
		for _, bad := range []guest.Database{
			{Name: ""}, {Name: "mysql"}, {Name: "Information_Schema"}, {Name: "a/b"}, {Name: "a.b"}, {Name: `a\b`},
			{Name: "end "}, {Name: "ctl\x01"}, {Name: strings.Repeat("x", 65)}, {Name: "emoji😀"}, {Name: "*"},
			{Name: "x", Charset: "nope"}, {Name: "x", Collation: "nope"}, {Name: "x", Charset: "latin1", Collation: "utf8mb4_bin"},
		} {
			refused(t, d.PutDatabase(ctx, guest.PutDatabase{Database: bad}), guest.KindInvalid)
		}
		refused(t, d.DropDatabase(ctx, "mysql"), guest.KindInvalid)
	})
	t.Run("drop removes one, and nothing is a success", func(t *testing.T) {
		for range 2 {
			ok(t, d.DropDatabase(ctx, "shop"))
			expect(t, standard("Shop"), guest.Database{Name: "billing", Charset: "latin1", Collation: "latin1_bin"})
		}
	})
}
