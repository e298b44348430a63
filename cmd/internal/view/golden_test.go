package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

var update = flag.Bool("update", false, "write what the views say into the golden files")

// golden compares what is wanted of an archive with what was made; -update replaces it.
func golden(t *testing.T, name string, made map[string]string, order ...string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range order {
		i := fileIndex(archive, want)
		if *update {
			if i < 0 {
				archive.Files = append(archive.Files, txtar.File{Name: want})
				i = len(archive.Files) - 1
			}
			archive.Files[i].Data = []byte(made[want])
			continue
		}
		if i < 0 {
			t.Errorf("%s has no %s: run the test with -update and read the difference", name, want)
			continue
		}
		if diff := cmp.Diff(string(archive.Files[i].Data), made[want]); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", name, want, diff)
		}
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func fileIndex(archive *txtar.Archive, name string) int {
	for i, f := range archive.Files {
		if f.Name == name {
			return i
		}
	}
	return -1
}

func file(t *testing.T, name, member string) []byte {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := fileIndex(archive, member)
	if i < 0 {
		t.Fatalf("%s has no %s", name, member)
	}
	return archive.Files[i].Data
}

// text is what a view writes, to both of its ends.
func text(color bool, width int, write func(*Human)) string {
	var out bytes.Buffer
	write(&Human{Out: &out, Err: &out, Color: color, Width: width})
	return out.String()
}

func TestPlanGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("golden plans: %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p := &plan.Plan{}
			if err := json.Unmarshal(file(t, name, "plan.json"), p); err != nil {
				t.Fatal(err)
			}
			write := func(h *Human) { h.Plan(p) }
			made := map[string]string{
				"text-80":  text(false, 80, write),
				"text-160": text(false, 160, write),
				"color-80": text(true, 80, write),
			}
			made["drift"] = text(false, 80, func(h *Human) { h.Drift(p) })
			made["json"] = indented(t)(PlanJSON(p, ""))
			var lines bytes.Buffer
			machine := &Machine{Out: &lines}
			machine.Plan(p)
			made["lines"] = lines.String()
			lines.Reset()
			machine.Drift(p)
			made["drift-lines"] = lines.String()
			report := DriftReport{Plan: p, Recorded: []resource.Address{orders}, FailOn: DefaultFailOn}
			made["drift.md"], made["drift.prom"] = string(report.Markdown()), string(report.Prometheus())
			made["drift.xml"] = string(must(t)(report.JUnit()))
			made["plan.md"], made["plan.html"] = string(PlanMarkdown(p)), string(must(t)(PlanHTML(p)))
			golden(t, name, made, "text-80", "text-160", "color-80", "drift", "json", "lines", "drift-lines",
				"drift.md", "drift.prom", "drift.xml", "plan.md", "plan.html")
		})
	}
}

// must is what was made without an error.
func must(t *testing.T) func([]byte, error) []byte {
	return func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

// indented makes JSON easy to read in golden files, after checking that it is one line.
func indented(t *testing.T) func([]byte, error) string {
	return func(data []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(data, []byte("\n")) != 1 {
			t.Errorf("JSON is not one line: %s", data)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, data, "", " "); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
}
