package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

var update = flag.Bool("update", false, "write what is told into the archives")

// base is a valid configuration that an archive may build on: it begins with the line "base".
const base = `
guest {
  transport "ssh" {
    source_cidrs = ["10.0.9.10/32"]
  }
}
datastore "mariadb" {
  version "10.11" {
    image = "mariadb-10.11"
  }
}
instance "orders" {
  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = "db.small"
  network   = "private"
  access {
    allowed_cidrs = ["10.20.0.0/16"]
  }
}
`

// TestGolden loads every archive of testdata: its files are a configuration, "environ", "assignments" and "computed" are
// inputs, "want" is what is told and "set" what is desired.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path, archive)
		})
	}
}

func golden(t *testing.T, path string, archive *txtar.Archive) {
	t.Helper()
	files, in := map[string]string{}, Input{Version: "0.1.0-dev"}
	comment := string(archive.Comment)
	if strings.HasPrefix(comment, "base") {
		files["zz_base.trove.hcl"] = base
	}
	var keep []txtar.File
	for _, f := range archive.Files {
		lines := strings.FieldsFunc(string(f.Data), func(r rune) bool { return r == '\n' })
		switch f.Name {
		case "want", "set":
			continue
		case "environ":
			in.Environ = lines
		case "assignments":
			for _, line := range lines {
				kind, text, _ := strings.Cut(line, " ")
				in.Assignments = append(in.Assignments, Assignment{Kind: AssignmentKind(kind), Text: text})
			}
		default:
			files[f.Name] = string(f.Data)
		}
		keep = append(keep, f)
	}
	dir := writeFiles(t, files)
	t.Chdir(dir)
	load := Load
	if strings.Contains(comment, "settings only") {
		load = LoadSettings
	}
	c, list := load(".", in)
	checkDiagnostics(t, list)
	got := []txtar.File{{Name: "want", Data: []byte(showList(list))}}
	if strings.Contains(comment, "show set") {
		got = append(got, txtar.File{Name: "set", Data: []byte(showSet(t, c))})
	}
	archive.Files = append(keep, got...)
	compare(t, path, archive)
}

var home, _ = os.Getwd() // archives are found from where the test began

func compare(t *testing.T, path string, got *txtar.Archive) {
	t.Helper()
	path = filepath.Join(home, path)
	text := txtar.Format(got)
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("what is told changed (-want +got), see -update:\n%s", diff)
	}
}

// checkDiagnostics holds for whatever is told: words, a code for warnings, a place with a beginning before its end.
func checkDiagnostics(t *testing.T, list diag.List) {
	t.Helper()
	for _, d := range list {
		if d.Summary == "" || strings.HasSuffix(d.Summary, ".") || strings.Contains(d.Detail+d.Hint, "%!") {
			t.Errorf("malformed: %+v", d)
		}
		if d.Severity == diag.Warning && d.Code == "" {
			t.Errorf("a warning without a code: %+v", d)
		}
		if d.Subject != nil && (d.Subject.Start.Line < 1 || d.Subject.End.Byte < d.Subject.Start.Byte) {
			t.Errorf("a place that is none: %+v", d.Subject)
		}
	}
}

func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func showList(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		at := "-"
		if d.Subject != nil {
			at = d.Subject.String()
		}
		fmt.Fprintf(&b, "%s %s %s\n", d.Severity, at, strings.TrimSpace(d.Code+" "+d.Address))
		fmt.Fprintf(&b, "  %s\n", d.Summary)
		for _, line := range []string{d.Detail, d.Hint} {
			if line != "" {
				fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
			}
		}
	}
	return b.String()
}

func showSet(t *testing.T, c *Config) string {
	t.Helper()
	var b strings.Builder
	for _, res := range c.Set.Sorted() {
		body, err := json.MarshalIndent(res.Body, "  ", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s protect=%t depends=%v\n  %s\n", res.Address, res.Protect, res.DependsOn, body)
	}
	for _, p := range c.Providers {
		if len(c.Providers) > 1 {
			fmt.Fprintf(&b, "provider %q %v\n", p.Alias, p.Args)
		}
	}
	for _, m := range c.Set.Moves {
		fmt.Fprintf(&b, "moved %s to %s at %s\n", m.From, m.To, m.Range)
	}
	computed := map[resource.Address]map[string]any{
		{Kind: resource.KindInstance, Name: "orders"}: {"address": "10.1.2.3", "port": 3306, "addresses": []string{"10.1.2.3"}},
	}
	outs, list := c.Outputs(computed, false)
	for _, o := range outs {
		value, err := json.Marshal(o.Value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "output %s known=%t sensitive=%t %s\n", o.Name, o.Known, o.Sensitive, value)
	}
	checks, more := c.Checks(computed)
	for _, check := range checks {
		fmt.Fprintf(&b, "check %s%s %s %q\n", check.Address, check.Name, check.Status, check.Problems)
	}
	b.WriteString(showList(append(list, more...)))
	return b.String()
}

// TestPreconditionsOfEach: each resource is told, also where the words are the same, and only what makes is stopped.
func TestPreconditionsOfEach(t *testing.T) {
	dir := t.TempDir()
	text := `
datastore "mariadb" {
  version "10.11" {
    image = "x"
  }
}
config_group "g" {
  count     = 2
  datastore = datastore.mariadb
  version   = "10.11"
  values    = {}
  lifecycle {
    precondition {
      condition     = length(self.values) > 0
      error_message = "There are no values."
    }
  }
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.trove.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, nothing := range []bool{false, true} {
		_, list := Load(dir, Input{MakesNothing: nothing})
		var told []string
		for _, d := range list {
			if d.Summary == "Resource precondition failed" {
				told = append(told, d.Address)
			}
		}
		if diff := cmp.Diff([]string{"config_group.g[0]", "config_group.g[1]"}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if list.HasErrors() == nothing {
			t.Errorf("MakesNothing %t: %v", nothing, list)
		}
	}
}
