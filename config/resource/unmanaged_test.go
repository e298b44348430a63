package resource

import "testing"

func TestUnmanaged(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		path string
		want bool
	}{
		{KindInstance, "volume.type", true}, {KindInstance, "availability_zone", true}, {KindInstance, "image", true},
		{KindInstance, "volume.size", false}, {KindInstance, "access.allowed_cidrs", false}, {KindInstance, "metadata.team", false},
		{KindDatabase, "charset", true}, {KindDatabase, "collation", true}, {KindDatabase, "name", false},
		{KindUser, "password", true}, {KindUser, `grant["shop"]`, false}, {KindConfigGroup, "values.x", false},
	} {
		if got := Unmanaged(c.kind, c.path); got != c.want {
			t.Errorf("%s of a %s: %t, want %t", c.path, c.kind, got, c.want)
		}
	}
}

func TestInstance_Static(t *testing.T) {
	i := &Instance{Manager: "mariadb", Version: "10.11"}
	for path, want := range map[string]bool{
		"config_group.values.max_connections": false, "config_group.values.innodb_log_files_in_group_of_nobody": true, "config_group": false, "name": false,
	} {
		if got := i.Static(path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}
