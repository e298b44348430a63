package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// root finds the module's root by walking up to its go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above this test")
		}
		dir = filepath.Dir(dir)
	}
}

func house(t *testing.T) *module {
	t.Helper()
	m, err := load(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.packages) < 20 {
		t.Fatalf("only %d packages were read: the test is not looking at the house", len(m.packages))
	}
	return m
}

func TestTheHouseIsInOrder(t *testing.T) {
	for _, b := range house(t).breaches() {
		t.Error(b)
	}
}

// TestKindsMatrix: a kind is a file of the same name in three rooms.
func TestKindsMatrix(t *testing.T) {
	m := house(t)
	kinds := kindsOf(t)
	for _, kind := range kinds {
		for _, room := range []string{"config/resource", "planner/observe", "executor"} {
			if file := room + "/" + kind + ".go"; !m.files[file] {
				t.Errorf("the kind %s has no %s", kind, file)
			}
		}
	}
}

// kindsOf reads the kinds where they are declared: importing them would put this package on a floor.
func kindsOf(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "config/resource/resource.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, found := range regexp.MustCompile(`(?m)^\s+Kind\w+\s+Kind\s*=\s*"(\w+)"`).FindAllStringSubmatch(string(data), -1) {
		out = append(out, found[1])
	}
	if len(out) < 5 {
		t.Fatalf("only the kinds %v were found", out)
	}
	return out
}

// TestBreachesAreNamed feeds small houses with one fault each.
func TestBreachesAreNamed(t *testing.T) {
	sound := map[string]string{
		"go.mod":                       "module example.org/house\n",
		"config/resource/a.go":         "// Package resource holds nouns.\npackage resource\n",
		"planner/a.go":                 "// Package planner compares.\npackage planner\n\nimport _ \"example.org/house/config/resource\"\n",
		"guest/a.go":                   "// Package guest is messages.\npackage guest\n",
		"guest/agent/a.go":             "// Package agent serves.\npackage agent\n\nimport _ \"example.org/house/guest\"\n",
		"cmd/trove-guestagent/main.go": "// Command trove-guestagent serves.\npackage main\n\nimport _ \"example.org/house/guest/agent\"\n\nfunc main() {}\n",
	}
	for _, c := range []struct{ name, file, source, want string }{
		{"in order", "guest/b.go", "package guest\n", ""},
		{"upwards", "config/resource/b.go", "package resource\n\nimport _ \"example.org/house/planner\"\n", "config/resource/b.go imports planner"},
		{"sideways", "providers/openstack/a.go", "// Package openstack is.\npackage openstack\n\nimport _ \"example.org/house/providers/memory\"\n", "imports providers/memory"},
		{"no row", "helpers/a.go", "// Package helpers is.\npackage helpers\n", "helpers has no row"},
		{"no sentence", "state/a.go", "package state\n", "state does not open with a sentence"},
		{"foreign", "planner/b.go", "package planner\n\nimport _ \"github.com/hashicorp/hcl/v2/hclsyntax\"\n", "planner/b.go imports github.com/hashicorp/hcl/v2/hclsyntax, which belongs to config"},
		{"stranger", "config/resource/b.go", "package resource\n\nimport _ \"example.com/left-pad\"\n", "which has no row"},
		{"closure", "guest/b.go", "package guest\n\nimport _ \"go.etcd.io/bbolt\"\n", "cmd/trove-guestagent links go.etcd.io/bbolt by way of cmd/trove-guestagent > guest/agent > guest"},
		{"exit", "guest/b.go", "package guest\n\nimport \"os\"\n\nfunc x() { os.Exit(1) }\n", "guest/b.go calls os.Exit"},
		{"sleep", "guest/b.go", "package guest\n\nimport \"time\"\n\nfunc x() { time.Sleep(5 * time.Second) }\n", "guest/b.go calls time.Sleep with a number"},
		{"named sleep", "guest/b.go", "package guest\n\nimport \"time\"\n\nfunc x(pause time.Duration) { time.Sleep(pause / 2) }\n", ""},
		{"interface", "guest/b.go", "package guest\n\ntype x interface { a(); b(); c(); d(); e(); f(); g() }\n", "the interface x has 7 methods"},
		{"long main", "cmd/trove-guestagent/main.go", "// Command trove-guestagent serves.\npackage main\n" + strings.Repeat("\n", 60) + "func main() {}\n", "cmd/trove-guestagent/main.go has 63 lines"},
		{"tools are aside", "cmd/deps/deps.go", "//go:build tools\n\npackage deps\n\nimport _ \"example.com/anything\"\n", ""},
		{"platforms are not aside", "helpers/a.go", "//go:build linux\n\n// Package helpers is.\npackage helpers\n", "helpers has no row"},
		{"tests are free", "guest/b_test.go", "package guest\n\nimport _ \"example.org/house/planner\"\n", ""},
		{"nested modules are others", "guest/x/go.mod", "module other\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, data := range sound {
				files[name] = &fstest.MapFile{Data: []byte(data)}
			}
			files[c.file] = &fstest.MapFile{Data: []byte(c.source)}
			m, err := load(files)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(m.breaches(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("want %q, got %q", c.want, got)
			}
		})
	}
}

// TestEveryRowHasAReason keeps the table honest.
func TestEveryRowHasAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range append(append(append([]row{}, rooms...), theirs...), closures...) {
		if r.why == "" {
			t.Errorf("the row of %s has no reason", r.from)
		}
		if key := r.from + r.why; seen[key] {
			t.Errorf("%s stands in the table twice", r.from)
		} else {
			seen[key] = true
		}
	}
}
