package resource

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/diag"
)

func at(kind Kind, name string) Address { return Address{Kind: kind, Name: name} }

// full is a body of each kind with every argument.
func full(kind Kind) Body {
	switch kind {
	case KindDatastore:
		return &Datastore{Manager: "mariadb", Versions: map[string]DatastoreVersion{
			"10.11": {Image: "i", Packages: []string{"p"}}, "10.6": {ImageTags: []string{"t"}, Inactive: true},
		}}
	case KindConfigGroup:
		return &ConfigGroup{Datastore: at(KindDatastore, "d"), Manager: "mariadb", Version: "10.11", Values: map[string]string{"max_connections": "10"}}
	case KindInstance:
		return &Instance{
			Name: "n", Datastore: at(KindDatastore, "d"), Manager: "mariadb", Version: "10.11", Image: "i", ImageTags: []string{"t"}, Flavor: "f",
			Network: "net", Subnet: "s", FixedIP: "10.0.0.5", AvailabilityZone: "az", Region: "r", Volume: &Volume{Size: 2, Type: "ssd", AvailabilityZone: "az"},
			ConfigGroup: at(KindConfigGroup, "c"), Settings: map[string]string{"max_connections": "10", "innodb_log_file_size": "4194304"},
			Access: Access{AllowedCIDRs: []string{"10.0.0.0/8"}}, Restart: "never", Metadata: map[string]string{"k": "v"},
			Guest: Guest{Network: "g", Port: 22, SourceCIDRs: []string{"10.0.0.1/32"}},
			Root:  &Password{Digest: "abc"}, Logs: []string{"slow"}, TLS: TLS{Required: true, Names: []string{"db.example.org"}},
		}
	case KindDatabase:
		return &Database{
			Instance: at(KindInstance, "i"), Manager: "mariadb", Name: "n", Charset: "utf8mb4", Collation: "utf8mb4_bin",
			Owner: Role{Name: "o", Of: at(KindUser, "o")}, Encoding: "UTF8", Extensions: []string{"citext"},
		}
	default:
		return &User{
			Instance: at(KindInstance, "i"), Name: "n", Host: "%", Password: &Password{Digest: "abc"}, Additive: true,
			Grants: []Grant{{Database: "d", Privileges: []string{"SELECT"}, Of: at(KindDatabase, "d")}, {Database: "e", Schema: "s", Table: "t", Privileges: []string{"INSERT"}, Grantable: true}},
			Roles:  []Role{{Name: "r"}, {Name: "s", Of: at(KindUser, "s")}}, ACL: []string{"~a:*", "+@read"}, ConnectionLimit: 3, RequireTLS: true,
		}
	}
}

// TestKinds holds for every kind: bodies encode and decode, references name resources, attributes have display forms, and
// every change has a verdict that says what it must.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			body := full(kind)
			if body.Kind() != kind {
				t.Errorf("kind is %s", body.Kind())
			}
			data, err := EncodeBody(body)
			if err != nil {
				t.Fatal(err)
			}
			back, err := DecodeBody(kind, data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(body, back, cmp.AllowUnexported(Key{})); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			for path, ref := range body.References() {
				if ref.IsZero() || path == "" {
					t.Errorf("reference %q is %q", path, ref)
				}
			}
			attributes := body.Attributes()
			if !slices.IsSorted(attributes.Paths()) || len(attributes.Paths()) != len(attributes) {
				t.Error("paths are not sorted")
			}
			for path, value := range attributes {
				switch value.(type) {
				case string, int, bool, []string:
				default:
					t.Errorf("%s is a %T", path, value)
				}
				checkVerdict(t, path, body.Judge(path, full(kind)))
			}
			empty, err := NewBody(kind)
			if err != nil {
				t.Fatal(err)
			}
			_ = empty.Attributes() // an empty body has no attribute that panics
		})
	}
}

func checkVerdict(t *testing.T, path string, v Verdict) {
	t.Helper()
	switch v.Effect {
	case Refused:
		if v.Why == "" || v.Instead == "" {
			t.Errorf("%s is refused without a reason or a way: %+v", path, v)
		}
	case InPlace:
		if !slices.Contains(impacts, v.Impact) {
			t.Errorf("%s has no impact: %+v", path, v)
		}
	case Record, Ignored:
	default:
		t.Errorf("%s has no effect: %+v", path, v)
	}
}

func TestVolumeSize(t *testing.T) {
	judge := func(from, to *Volume) Verdict {
		return (&Instance{Volume: from}).Judge("volume.size", &Instance{Volume: to})
	}
	if v := judge(&Volume{Size: 1}, &Volume{Size: 2}); v.Effect != InPlace || v.Impact != Online {
		t.Errorf("growing: %+v", v)
	}
	if v := judge(&Volume{Size: 2}, &Volume{Size: 1}); v.Effect != Refused || !strings.Contains(v.Instead, "2 or more") {
		t.Errorf("shrinking: %+v", v)
	}
	for _, v := range []Verdict{judge(nil, &Volume{Size: 1}), judge(&Volume{Size: 1}, nil)} {
		if v.Effect != Refused {
			t.Errorf("gaining or losing: %+v", v)
		}
	}
}

func TestSettings(t *testing.T) {
	i := full(KindInstance).(*Instance)
	if v := i.Judge("config_group.values.max_connections", i); v.Effect != InPlace || v.Impact != Online || i.Static("config_group.values.max_connections") {
		t.Errorf("a dynamic setting: %+v", v)
	}
	static := "config_group.values.innodb_log_buffer_size"
	if v := i.Judge(static, i); v.Effect != InPlace || v.Impact != Online || !i.Static(static) {
		t.Errorf("a static setting with restart = never: %+v", v)
	}
	if v := i.Judge(static, &Instance{Restart: "if_required"}); v.Impact != Restart {
		t.Errorf("a static setting with restart = if_required: %+v", v)
	}
}

func TestUnknownKind(t *testing.T) {
	if _, err := DecodeBody("table", nil); err == nil {
		t.Error("a body of an unknown kind is decoded")
	}
	if _, err := DecodeBody(KindUser, []byte("[")); err == nil {
		t.Error("broken bytes are decoded")
	}
}

func FuzzDecodeBody(f *testing.F) {
	for i, kind := range Kinds {
		data, err := EncodeBody(full(kind))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, []byte(data))
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		kind := Kinds[((i%len(Kinds))+len(Kinds))%len(Kinds)]
		body, err := DecodeBody(kind, data)
		if err != nil {
			return
		}
		for path := range body.Attributes() {
			body.Judge(path, body)
		}
		body.References()
		if _, err := EncodeBody(body); err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
	})
}

// TestSecretsHide searches for a secret in everything that prints or encodes.
func TestSecretsHide(t *testing.T) {
	const text = "correct-horse"
	s := NewSecret(text)
	user := &User{Password: &Password{Secret: s, Verifier: s}}
	type holder struct {
		hidden Secret
		Shown  Secret
	}
	h := holder{hidden: s, Shown: s}
	data, err := json.Marshal(map[string]any{"s": s, "u": user, "h": h, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	all := string(data)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb+verb+verb+verb, s, &s, h, *user.Password)
	}
	if strings.Contains(all, text) || strings.Contains(all, fmt.Sprintf("%x", text)) {
		t.Errorf("the secret can be read: %s", all)
	}
	if s.Reveal() != text || s.IsZero() || !NewSecret("").IsZero() || (Secret{}).Reveal() != "" {
		t.Error("the secret is lost")
	}
	if !s.Equal(NewSecret(text)) || s.Equal(NewSecret("other")) || !(Secret{}).Equal(NewSecret("")) {
		t.Error("equality is not that of the values")
	}
	if !user.Password.Supplied() || (&Password{}).Supplied() || (*Password)(nil).Supplied() {
		t.Error("supplied or not")
	}
	if h.hidden.IsZero() {
		t.Error("the holder is empty")
	}
}

func TestDependencies(t *testing.T) {
	r := &Resource{
		Address: at(KindUser, "u"), Body: full(KindUser), DependsOn: []Address{at(KindInstance, "i"), at(KindDatabase, "z")},
	}
	want := []Address{at(KindDatabase, "d"), at(KindDatabase, "z"), at(KindInstance, "i"), at(KindUser, "s")}
	if diff := cmp.Diff(want, r.Dependencies(), cmp.AllowUnexported(Key{})); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
}

func TestPlaces(t *testing.T) {
	whole := &diag.Range{Filename: "f", Start: diag.Pos{Line: 1}}
	volume := diag.Range{Filename: "f", Start: diag.Pos{Line: 2}}
	grant := diag.Range{Filename: "f", Start: diag.Pos{Line: 3}}
	r := &Resource{Range: whole, Ranges: map[string]diag.Range{"volume": volume, Path("grant", "a.b"): grant}}
	for path, want := range map[string]int{"volume.size": 2, "volume": 2, "name": 1, "access.allowed_cidrs": 1, `grant["a.b"]`: 3, `grant["c.d"]`: 1} {
		if got := r.At(path); got == nil || got.Start.Line != want {
			t.Errorf("%s is at %v, want line %d", path, got, want)
		}
	}
}

func TestSortedSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Set{Resources: map[Address]*Resource{}}
		for _, a := range rapid.SliceOf(addresses()).Draw(t, "addresses") {
			s.Resources[a] = &Resource{Address: a}
		}
		sorted := s.Sorted()
		if len(sorted) != len(s.Resources) {
			t.Fatalf("%d of %d", len(sorted), len(s.Resources))
		}
		if !slices.IsSortedFunc(sorted, func(a, b *Resource) int { return a.Address.Compare(b.Address) }) {
			t.Fatal("not sorted")
		}
	})
}

func TestWorse(t *testing.T) {
	for i, a := range impacts {
		for j, b := range impacts {
			if want := impacts[max(i, j)]; Worse(a, b) != want {
				t.Errorf("of %s and %s the worse is %s", a, b, Worse(a, b))
			}
		}
	}
}
