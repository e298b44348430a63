package executor_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// scenario is one cell of the kind matrix: a story, or the reason why the kind has none.
type scenario struct {
	run      func(t *testing.T)
	byDesign string
}

func cell(run func(t *testing.T)) scenario { return scenario{run: run} }
func none(why string) scenario             { return scenario{byDesign: why} }

// change is an edit of a estate that was built, the steps that have to follow from it, and what has to hold in the world
// then. Afterwards nothing is left to do.
func change(edit func(f estate), steps []string, check func(t *testing.T, w *world)) scenario {
	return cell(func(t *testing.T) {
		w, f := built(t)
		edit(f)
		w.done(plan.ModeApply, steps...)
		if check != nil {
			check(t, w)
		}
	})
}

// refusal is an edit of a estate that was built which the plan has to refuse with these words, changing nothing.
func refusal(t *testing.T, edit func(f estate), says ...string) {
	t.Helper()
	w, f := built(t)
	edit(f)
	w.refuses(plan.ModeApply, says...)
	w.ask(shape{limit: "200", password: "one"})
	w.ended(plan.ModeApply)
}

// given fails for a field of a body that is zero, so that an argument that was added later is not forgotten.
func given(t *testing.T, kind resource.Kind, body resource.Body) {
	t.Helper()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.IsZero() {
			t.Errorf("whole gives no %s of %s", path, kind)
		}
		if _, plain := v.Interface().(resource.Address); v.Kind() != reflect.Struct || plain {
			return
		}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if _, secret := v.Field(i).Interface().(resource.Secret); field.IsExported() && !secret {
				walk(path+"."+field.Name, v.Field(i))
			}
		}
	}
	walk(string(kind), reflect.ValueOf(body))
}

// cells are what every kind has to have, beside an update for each of its attributes that can change.
var cells = []string{"create-minimal", "create-full", "replace", "delete", "drift", "unknown", "import", "dependency", "orphan"}

const importLater = "an import is looked at and recorded by its command, in one transaction: it asks nothing of the executor"

func matrix() map[resource.Kind]map[string]scenario {
	return map[resource.Kind]map[string]scenario{
		resource.KindDatastore:   datastoreCells(),
		resource.KindConfigGroup: configGroupCells(),
		resource.KindInstance:    instanceCells(),
		resource.KindDatabase:    databaseCells(),
		resource.KindUser:        userCells(),
	}
}

// whole has a body of each kind in which every argument is given, so that a new argument without a scenario is found.
func whole() map[resource.Kind]resource.Body {
	orders, store, group := address("instance.orders"), address("datastore.mariadb"), address("config_group.oltp")
	return map[resource.Kind]resource.Body{
		resource.KindDatastore: &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{
			"10.11": {Image: "mariadb-10.11", ImageTags: []string{"a"}, ImageFile: "i.qcow2", ImageSHA256: "d", Packages: []string{"b"}, Inactive: true},
		}},
		resource.KindConfigGroup: &resource.ConfigGroup{
			Datastore: store, Manager: "mariadb", Version: "10.11", Values: map[string]string{"max_connections": "200"},
		},
		resource.KindInstance: &resource.Instance{
			Name: "orders", Datastore: store, Manager: "mariadb", Version: "10.11", Image: "i", ImageTags: []string{"a"}, ImageSHA256: "d", Packages: []string{"p"}, Flavor: "f",
			Network: "n", Subnet: "s", FixedIP: "10.0.0.9", AvailabilityZone: "az1", Locality: "affinity", Region: "r", Provider: "west",
			Volume: &resource.Volume{Size: 1, Type: "ssd", AvailabilityZone: "az1"}, ConfigGroup: group,
			Settings: map[string]string{"max_connections": "200"}, Access: resource.Access{AllowedCIDRs: []string{"10.0.0.0/8"}, Public: true, PublicNetwork: "public", FloatingIP: "203.0.113.9"},
			Restart: "if_required", Metadata: map[string]string{"team": "a"},
			Guest: resource.Guest{Network: "g", Port: 2222, SourceCIDRs: []string{"10.9.0.1/32"}, NoConfigDrive: true, Transports: both, Broker: &resource.GuestBroker{URL: "amqps://b:5671", VHost: "v", Mode: "trove", Certificates: true}},
			Root:  &resource.Password{Digest: "d", Engine: "e"}, Logs: []string{"slow"}, TLS: resource.TLS{Required: true, Names: []string{"db.example.org"}},
		},
		resource.KindDatabase: &resource.Database{
			Instance: orders, Manager: "postgresql", Name: "shop", Charset: "utf8mb4", Collation: "utf8mb4_bin",
			Owner: resource.Role{Name: "app", Of: address("user.app")}, Encoding: "UTF8", Extensions: []string{"citext"},
		},
		resource.KindUser: &resource.User{
			Instance: orders, Name: "app", Host: "%", Password: &resource.Password{Digest: "d", Engine: "e"},
			Grants: []resource.Grant{{Database: "shop", Schema: "s", Table: "t", Privileges: []string{"SELECT"}, Grantable: true, Of: address("database.shop")}}, Additive: true,
			Roles: []resource.Role{{Name: "readers", Of: address("user.readers")}}, ACL: []string{"+@read"}, ConnectionLimit: 3, RequireTLS: true,
		},
	}
}

// blockOf is the argument that a path belongs to: metadata.team is one of metadata.
func blockOf(path string) string {
	for _, block := range []string{"config_group.values", "metadata", "values", "version", "grant"} {
		if strings.HasPrefix(path, block+".") || strings.HasPrefix(path, block+"[") {
			return block
		}
	}
	return path
}

// changeable lists the arguments of a body that can change in place or in the record alone.
func changeable(body resource.Body) []string {
	blocks := map[string]bool{}
	for path := range body.Attributes() {
		switch effect := body.Judge(path, body).Effect; effect {
		case resource.InPlace, resource.Record:
			blocks[blockOf(path)] = true
		case resource.Refused, resource.Ignored:
		default:
			panic("unknown effect " + effect)
		}
	}
	return slices.Sorted(maps.Keys(blocks))
}

// TestMatrix runs every scenario of every kind, and fails for a kind or an argument that lacks one.
func TestMatrix(t *testing.T) {
	bodies, matrix := whole(), matrix()
	for _, kind := range resource.Kinds {
		body, ok := bodies[kind]
		if !ok {
			t.Fatalf("whole has no body of kind %s", kind)
		}
		given(t, kind, body)
		wanted := slices.Clone(cells)
		for _, argument := range append(changeable(body), "lifecycle.protect", "depends_on") {
			wanted = append(wanted, "update-"+argument)
		}
		for _, cell := range wanted {
			if s, there := matrix[kind][cell]; !there || s.run == nil && s.byDesign == "" {
				t.Errorf("%s has no scenario %s", kind, cell)
			}
		}
		for _, cell := range slices.Sorted(maps.Keys(matrix[kind])) {
			s := matrix[kind][cell]
			if s.byDesign != "" {
				t.Logf("%s %s: none, by design: %s", kind, cell, s.byDesign)
				continue
			}
			t.Run(string(kind)+"/"+cell, func(t *testing.T) {
				t.Parallel()
				s.run(t)
			})
		}
	}
}
