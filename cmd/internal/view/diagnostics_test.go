package view

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trovectl/trovectl/config/diag"
)

func TestDiagnosticsGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("golden diagnostics: %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var list diag.List
			if err := json.Unmarshal(file(t, name, "list.json"), &list); err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources := map[string][]byte{}
			for _, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".hcl") {
					sources[f.Name] = f.Data
				}
			}
			write := func(h *Human) { h.Diagnostics(list, sources) }
			machine, err := DiagnosticsJSON(list, sources)
			if err != nil {
				t.Fatal(err)
			}
			made := map[string]string{
				"text-80": text(false, 80, write), "color-160": text(true, 160, write), "json": string(machine),
			}
			golden(t, name, made, "text-80", "color-160", "json")
		})
	}
}

// TestSnippetMarks checks where marks stand below sources that are awkward.
func TestSnippetMarks(t *testing.T) {
	at := func(line, column, at, endLine, endColumn, end int) *diag.Range {
		return &diag.Range{
			Filename: "f", Start: diag.Pos{Line: line, Column: column, Byte: at}, End: diag.Pos{Line: endLine, Column: endColumn, Byte: end},
		}
	}
	for _, c := range []struct {
		name, source string
		at           *diag.Range
		want         []string
	}{
		{"crlf", "a = 1\r\nbb = 2\r\n", at(2, 1, 7, 2, 3, 9), []string{"    2: bb = 2", "       ^^"}},
		{"tab", "\tx = 1\n", at(1, 2, 1, 1, 3, 2), []string{"    1:   x = 1", "         ^"}},
		{"wide", "a = \"漢字\" + b\n", at(1, 12, 15, 1, 13, 16), []string{`    1: a = "漢字" + b`, "                    ^"}},
		{"columns alone", "é = bad\n", at(1, 5, 0, 1, 8, 0), []string{"    1: é = bad", "           ^^^"}},
		{"past the end of the line", "abc\n", at(1, 9, 90, 1, 12, 93), []string{"    1: abc", "          ^"}},
		{"past the end of the file", "abc\n", at(7, 1, 90, 7, 2, 91), []string{"   on f line 7"}},
		{"empty range", "abc\n", at(1, 2, 1, 1, 2, 1), []string{"    1: abc", "        ^"}},
		{"control", "a = \x1b[31m\n", at(1, 5, 4, 1, 6, 5), []string{`    1: a = \u001b[31m`, "           ^^^^^^"}},
		{"several lines", "a {\n  b = 1\n}\nc\n", at(1, 1, 0, 3, 2, 13), []string{"    1: a {", "    2:   b = 1", "    3: }"}},
		{"end before start", "abcdef\n", at(1, 5, 4, 1, 2, 1), []string{"    1: abcdef", "           ^"}},
		{"line zero", "abc\n", at(0, 0, 0, 0, 0, 0), []string{"   on f line 0"}},
		{"no newline at the end", "abc", at(1, 1, 0, 1, 4, 3), []string{"    1: abc", "       ^^^"}},
		{"empty file", "", at(1, 1, 0, 1, 1, 0), []string{"    1:"}},
		{"invalid UTF-8", "a\xff = 1\n", at(1, 1, 0, 1, 3, 2), []string{`    1: a\xff = 1`, "       ^^^^^"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := diag.List(nil).Errorf(c.at, "x", "")
			got := text(false, 80, func(h *Human) { h.Diagnostics(list, map[string][]byte{"f": []byte(c.source)}) })
			for _, want := range c.want {
				if !strings.Contains(got, "│"+want+"\n") {
					t.Errorf("want the line %q in\n%s", want, got)
				}
			}
		})
	}
}

func TestLongSourceLineIsCut(t *testing.T) {
	source := strings.Repeat("x", 5000) + "HERE" + strings.Repeat("y", 5000)
	list := diag.List(nil).Errorf(&diag.Range{
		Filename: "f", Start: diag.Pos{Line: 1, Column: 5001, Byte: 5000}, End: diag.Pos{Line: 1, Column: 5005, Byte: 5004},
	}, "x", "")
	got := text(false, 80, func(h *Human) { h.Diagnostics(list, map[string][]byte{"f": []byte(source)}) })
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		if cells(l) > 80 {
			t.Errorf("line %d takes %d columns: %s", i, cells(l), l)
		}
		if at := strings.Index(l, "HERE"); at >= 0 {
			if under := strings.Index(lines[i+1], "^^^^"); cells(l[:at]) != cells(lines[i+1][:under]) {
				t.Errorf("the mark is not below what it means:\n%s", got)
			}
			return
		}
	}
	t.Errorf("what is meant is not shown:\n%s", got)
}

func TestEnclosing(t *testing.T) {
	source := "a = {\n  x = 1\n}\ninstance \"orders\" {\n  volume {\n    size = 1\n  }\n}\nuser \"x\" { name = 1 }\nz = 1\n"
	lines := sourceLines([]byte(source))
	for n, want := range map[int]string{2: "", 4: `instance "orders"`, 6: `instance "orders"`, 8: `instance "orders"`, 9: `user "x"`, 10: ""} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if got := enclosing(lines, n); got != want {
				t.Errorf("line %d stands in %q, want %q", n, got, want)
			}
		})
	}
}

func TestLiteralsThatMayBeSecretAreMasked(t *testing.T) {
	source := "password = \"hunter2\"\nx = { app = \"hunter3\" }\nDB_Password : \"hun\\\"ter4\"\npassword = var.passwords[\"app\"]\nname = \"kept\"\n" +
		"passwords = {\n  app = \"hunter5\"\n}\nvariable \"db_password\" {\n  default = \"hunter6\"\n}\nuser \"app\" {\n  host = \"kept\"\n}\n"
	for line, c := range map[int]struct{ code, want string }{
		1: {"", `password = "*******"`},
		2: {"password-literal", `x = { app = "*******" }`},
		3: {"", `DB_Password : "*********"`},
		4: {"", `password = var.passwords["app"]`},
		5: {"", `name = "kept"`}, 7: {"", `  app = "*******"`}, 10: {"", `  default = "*******"`}, 13: {"", `  host = "kept"`},
	} {
		list := diag.List{{Severity: diag.Error, Code: c.code, Subject: &diag.Range{Filename: "f", Start: diag.Pos{Line: line, Column: 1}, End: diag.Pos{Line: line, Column: 2}}}}
		sources := map[string][]byte{"f": []byte(source)}
		got := text(false, 80, func(h *Human) { h.Diagnostics(list, sources) })
		machine, err := DiagnosticsJSON(list, sources)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got, ": "+c.want+"\n") || strings.Contains(got+string(machine), "hunter") {
			t.Errorf("line %d: want %s in\n%s\n%s", line, c.want, got, machine)
		}
	}
}

// TestDiagnosticsLinear: ten times the errors in ten times the lines are shown with ten times the allocations.
func TestDiagnosticsLinear(t *testing.T) {
	cost := func(n int) float64 {
		var list diag.List
		for i := range n {
			list = append(list, diag.Diagnostic{Severity: diag.Error, Summary: "wrong", Subject: &diag.Range{
				Filename: "f", Start: diag.Pos{Line: i + 1, Column: 1}, End: diag.Pos{Line: i + 1, Column: 2},
			}})
		}
		sources := map[string][]byte{"f": []byte(strings.Repeat("x = 1\n", n))}
		return testing.AllocsPerRun(1, func() {
			text(false, 80, func(h *Human) { h.Diagnostics(list, sources) })
			if _, err := DiagnosticsJSON(list, sources); err != nil {
				t.Error(err)
			}
		})
	}
	if small, large := cost(100), cost(1000); large > 13*small {
		t.Errorf("100 errors take %.0f allocations, 1000 take %.0f", small, large)
	}
}
