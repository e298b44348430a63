package command

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

func TestParseExisting(t *testing.T) {
	for _, c := range []struct {
		kind resource.Kind
		text string
		want existing
	}{
		{resource.KindInstance, "u-1", existing{server: "u-1"}},
		{resource.KindInstance, "R1/u-1", existing{region: "R1", server: "u-1"}},
		{resource.KindDatabase, "u-1/shop", existing{server: "u-1", name: "shop"}},
		{resource.KindDatabase, "west/u-1/a%2Fb", existing{region: "west", server: "u-1", name: "a/b"}},
		{resource.KindDatabase, "u-1/a@b", existing{server: "u-1", name: "a@b"}},
		{resource.KindUser, "u-1/app@%25", existing{server: "u-1", name: "app", host: "%"}},
		{resource.KindUser, "u-1/app@home@10.0.%25", existing{server: "u-1", name: "app@home", host: "10.0.%"}},
		{resource.KindUser, "u-1/app", existing{server: "u-1", name: "app"}},
	} {
		got, err := parseExisting(c.kind, c.text)
		if err != nil || got != c.want {
			t.Errorf("%s %q: %+v, %v, want %+v", c.kind, c.text, got, err, c.want)
		}
	}
	for _, c := range []struct {
		kind resource.Kind
		text string
	}{
		{resource.KindInstance, ""}, {resource.KindInstance, "R1/"}, {resource.KindInstance, "a/b/c"}, {resource.KindDatabase, "u-1"},
		{resource.KindDatabase, "u-1/"}, {resource.KindDatabase, "/shop"}, {resource.KindUser, "u-1/@%25"}, {resource.KindUser, "u-1/app@%"},
	} {
		if got, err := parseExisting(c.kind, c.text); err == nil {
			t.Errorf("%s %q was read as %+v", c.kind, c.text, got)
		}
	}
}

func TestExistingIsFoundInItsCloud(t *testing.T) {
	cloud := &providers.Cloud{Identity: providers.Identity{Region: "R1"}, Others: map[string]providers.Identity{"west": {Region: "R2"}}}
	for region, want := range map[string]string{"": "u-1", "R1": "u-1", "R2": "west/u-1", "west": "west/u-1"} {
		got, ok := existing{region: region, server: "u-1"}.find(cloud)
		if !ok || got != want {
			t.Errorf("region %q: %q, %t, want %q", region, got, ok, want)
		}
		if alias := cloud.ProviderOf(got); (alias == "west") != (want != "u-1") {
			t.Errorf("%q is of the provider %q", got, alias)
		}
	}
	if got, ok := (existing{region: "R9", server: "u-1"}).find(cloud); ok {
		t.Errorf("another region: %q", got)
	}
}

// What `state rm` says how to take something back is what `import` reads.
func TestImportIDsAreRead(t *testing.T) {
	s := state.Empty(statetest.Lineage)
	batch := statetest.Instance(statetest.IDs(1), "orders")
	user := batch.PutRecords[2].Body.(*resource.User)
	user.Name, user.Host = "a/b@c d", "10.%"
	if err := state.Apply(s, batch); err != nil {
		t.Fatal(err)
	}
	server := batch.PutMembers[0].Objects[state.SlotServer].ID
	for _, r := range s.Sorted() {
		got, err := parseExisting(r.Address.Kind, importID(s, r))
		if err != nil || got.server != server {
			t.Errorf("%s: %q is read as %+v, %v", r.Address, importID(s, r), got, err)
		}
		if r.Address.Kind == resource.KindUser && (got.name != user.Name || got.host != user.Host) {
			t.Errorf("%s: %+v", r.Address, got)
		}
	}
}
