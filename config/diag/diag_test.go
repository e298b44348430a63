package diag

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func span(file string, line, column, endLine, endColumn int) *Range {
	return &Range{Filename: file, Start: Pos{Line: line, Column: column}, End: Pos{Line: endLine, Column: endColumn}}
}

func TestRangeString(t *testing.T) {
	for want, r := range map[string]*Range{
		"main.trove.hcl:12,3-9": span("main.trove.hcl", 12, 3, 12, 9),
		"a:1,2-3,4":             span("a", 1, 2, 3, 4),
	} {
		if r.String() != want {
			t.Errorf("%s, want %s", r, want)
		}
	}
}

func TestErrNamesAllErrors(t *testing.T) {
	var list List
	if list.Err() != nil || list.HasErrors() {
		t.Error("an empty list has errors")
	}
	list = list.Warnf("some-code", nil, "A warning", "about %d", 1)
	if list.Err() != nil || list.HasErrors() || list[0].Code != "some-code" || list[0].Detail != "about 1" {
		t.Errorf("a warning is an error: %+v", list)
	}
	list = list.Errorf(span("f", 1, 1, 1, 2), "First", "because of %q", "x").Errorf(nil, "Second", "")
	err := list.Err()
	if err == nil || !list.HasErrors() {
		t.Fatal("errors are none")
	}
	if want := "First: because of \"x\"\nSecond"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// TestSortIsTotal: the order of what is told does not depend on the order in which it was found.
func TestSortIsTotal(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) Diagnostic {
		d := Diagnostic{
			Severity: rapid.SampledFrom([]Severity{Error, Warning}).Draw(t, "severity"), Summary: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "summary"),
			Detail: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "detail"), Address: rapid.SampledFrom([]string{"", "user.a"}).Draw(t, "address"),
		}
		if rapid.Bool().Draw(t, "placed") {
			d.Subject = span(rapid.SampledFrom([]string{"f", "g"}).Draw(t, "file"), rapid.IntRange(1, 200).Draw(t, "line"), rapid.IntRange(1, 3).Draw(t, "column"), 200, 5)
		}
		return d
	})
	rapid.Check(t, func(t *rapid.T) {
		list := List(rapid.SliceOf(one).Draw(t, "list"))
		other := rapid.Permutation(list).Draw(t, "other")
		list, other = append(List{}, list...), append(List{}, other...)
		list.Sort()
		other.Sort()
		if diff := cmp.Diff(list, other); diff != "" {
			t.Fatalf("the order depends on the order:\n%s", diff)
		}
		for i := 1; i < len(list); i++ {
			a, b := list[i-1].Subject, list[i].Subject
			if a == nil && b != nil {
				t.Fatal("what has no place comes before what has one")
			}
			if a != nil && b != nil && a.Filename == b.Filename && a.Start.Line > b.Start.Line {
				t.Fatal("not by line")
			}
		}
	})
}

func TestJSON(t *testing.T) {
	d := Diagnostic{Severity: Error, Summary: "S", Subject: span("f", 1, 2, 3, 4), Context: span("f", 1, 1, 9, 9)}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"severity":"error","summary":"S","range":{"filename":"f","start":{"line":1,"column":2,"byte":0},"end":{"line":3,"column":4,"byte":0}}}`
	if string(data) != want {
		t.Errorf("%s\nwant %s", data, want)
	}
	if strings.Contains(string(data), "9") {
		t.Error("the context is encoded")
	}
}
