package enginetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func expectDatabases(ctx context.Context, t *testing.T, d engine.Databases, want ...guest.Database) {
	t.Helper()
	list, err := d.ListDatabases(ctx)
	ok(t, err)
	var got []guest.Database
	for _, o := range list {
		got = append(got, o.Database)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}

func putDatabase(ctx context.Context, t *testing.T, d engine.Databases, names ...string) {
	t.Helper()
	for _, name := range names {
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}))
	}
}

func databases(t *testing.T, s Subject) {
	d, has := s.Engine.(engine.Databases)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	named := func(name string, database guest.Database) guest.Database {
		database.Name = name
		return database
	}
	billing, last := named("billing", s.Facts.Standard), named("Shop", s.Facts.Standard)
	t.Run("system databases are hidden", func(t *testing.T) { expectDatabases(ctx, t, d) })
	t.Run("put makes, twice is once, lists are sorted", func(t *testing.T) {
		putDatabase(ctx, t, d, "shop", "billing", "Shop", "shop")
		expectDatabases(ctx, t, d, last, billing, named("shop", s.Facts.Standard))
	})
	t.Run("put sets what it can in place", func(t *testing.T) {
		for i, variant := range s.Facts.Variants {
			ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: named("Shop", variant)}))
			last = named("Shop", s.Facts.VariantsAre[i])
			expectDatabases(ctx, t, d, last, billing, named("shop", s.Facts.Standard))
		}
	})
	t.Run("what the catalog refuses is invalid", func(t *testing.T) {
		for _, bad := range s.Facts.BadDatabases {
			refused(t, d.PutDatabase(ctx, guest.PutDatabase{Database: bad}), guest.KindInvalid)
		}
		for _, name := range s.Catalog.SystemDBs {
			refused(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}), guest.KindInvalid)
			refused(t, d.DropDatabase(ctx, name), guest.KindInvalid)
		}
	})
	t.Run("drop removes one, and nothing is a success", func(t *testing.T) {
		for range 2 {
			ok(t, d.DropDatabase(ctx, "shop"))
			expectDatabases(ctx, t, d, last, billing)
		}
	})
	t.Run("rename, where there is one", func(t *testing.T) {
		if !s.Catalog.RenamesDatabases {
			return
		}
		rename := guest.PutDatabase{Database: guest.Database{Name: "bills"}, RenameFrom: "billing"}
		for range 2 {
			ok(t, d.PutDatabase(ctx, rename))
			expectDatabases(ctx, t, d, last, named("bills", billing))
		}
	})
}
