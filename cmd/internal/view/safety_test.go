package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// nasty draws texts with what terminals obey, quotes, wide characters and broken UTF-8 in them.
func nasty() *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{
		"\x1b[2J", "\x1b]0;t\x07", "\r", "\n", "\t", "\x00", "\x7f", "\u0085", "\u009b", "\u202e", "\u2066", "\u2028", "\u200b", "\ufeff",
		"\U000e0001", "\xff", "a", "b c", "漢字", "é", "\"", "\\", "`", "${", "%{", "]", "[\"", "', ", ".", "=", "#",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(part, rapid.String()), 0, 6).Draw(t, "parts"), "")
	})
}

// secretText is what must never come out.
const secretText = "s3cr3t-value"

func drawPlan(t *rapid.T) *plan.Plan {
	text := func(label string) string { return nasty().Draw(t, label) }
	value := func(label string) any {
		return rapid.OneOf(
			rapid.Map(nasty(), func(s string) any { return s }),
			rapid.Map(rapid.SliceOfN(nasty(), 0, 3), func(s []string) any { return s }),
			rapid.Map(rapid.MapOfN(nasty(), nasty(), 0, 2), func(m map[string]string) any { return m }),
			rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](7), rapid.Just[any](1.5),
			rapid.Just[any](resource.NewSecret(secretText)),
		).Draw(t, label)
	}
	change := func(label string) plan.Change {
		return plan.Change{
			Path:   rapid.SampledFrom([]string{"", "metadata.", "config_group.values.", "volume.", "grant[\"x\"]."}).Draw(t, label) + text(label),
			Before: value(label), After: value(label), Pending: rapid.Bool().Draw(t, label),
		}
	}
	changes := []plan.Change{change("c1"), change("c2"), {Path: "password", Before: secretText, After: secretText, Sensitive: true}}
	at := resource.Address{Kind: resource.KindUser, Name: text("name"), Key: resource.TextKey(text("key"))}
	user := plan.Body{Body: &resource.User{
		Name: text("user"), Host: text("host"), Instance: at,
		Password: &resource.Password{Digest: secretText, Secret: resource.NewSecret(secretText), Verifier: resource.NewSecret(secretText)},
		Grants:   []resource.Grant{{Database: text("db"), Privileges: []string{text("privilege")}}},
	}}
	orphan := plan.Object{Service: text("service"), ID: text("id"), Name: text("name")}
	p := &plan.Plan{
		Mode: plan.ModeApply, State: text("state"), Cloud: plan.Cloud{Name: text("cloud"), ProjectName: text("project"), Region: text("region")},
		Drift:      []plan.Drift{{Address: at, Changes: changes}, {Address: at, Gone: true}, {Address: at, Missing: []string{text("slot")}}},
		Unmanaged:  []plan.Unmanaged{{Instance: at, Kind: resource.KindDatabase, Name: text("unmanaged")}},
		Unknown:    []plan.Unknown{{Address: at, Why: text("why")}},
		Conditions: []plan.Condition{{Address: at, Text: text("condition")}},
		Orphans:    []plan.Object{orphan},
		Outputs: []plan.Output{
			{Name: text("output"), Action: "update", Before: value("o1"), After: value("o2"), Known: true},
			{Name: "s", Action: "update", Before: secretText, After: secretText, Known: true, Sensitive: true},
		},
	}
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Delete} {
		p.Steps = append(p.Steps, plan.Step{
			ID: text("id"), Action: action, Address: at, Reason: plan.Reason{Text: text("reason")}, Impact: resource.Restart, Before: user, After: user,
			Changes: changes, Notes: []string{text("note")}, Unverified: text("unverified"), Rebuild: []string{text("slot")}, Destroys: []resource.Address{at},
		})
	}
	p.Prior = []plan.Recorded{{Address: at, Body: user, Computed: map[string]string{text("computed"): text("value")}}}
	p.Variables = map[string]any{text("variable"): value("v")}
	return p
}

func TestPlansForgeNothingAndHoldNoSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		width := rapid.IntRange(0, 200).Draw(t, "width")
		var lines bytes.Buffer
		machine := &Machine{Out: &lines}
		machine.Plan(p)
		machine.Drift(p)
		people := text(false, width, func(h *Human) {
			h.Plan(p)
			h.Drift(p)
			events(p, h.Event)
			for _, s := range p.Steps {
				h.Record(&state.Snapshot{}, state.Record{Address: s.Address, Body: s.Before.Body, Fault: s.Unverified})
			}
		})
		checkText(t, people)
		report := DriftReport{Plan: p, Recorded: []resource.Address{p.Steps[0].Address}, FailOn: DefaultFailOn}
		planned := func() ([]byte, error) { return PlanJSON(p, "") }
		for i, make := range []func() ([]byte, error){planned, report.JUnit, func() ([]byte, error) { return PlanHTML(p) }, func() ([]byte, error) {
			return slices.Concat(report.Prometheus(), report.Markdown(), PlanMarkdown(p)), nil
		}} {
			data, err := make()
			if err != nil {
				t.Fatal(err)
			}
			again, err := make()
			if err != nil || !bytes.Equal(data, again) {
				t.Fatalf("the same plan gives other bytes: %v", err)
			}
			if checkText(t, string(data)); i == 0 {
				checkJSON(t, data)
			}
		}
		events(p, machine.Event)
		for line := range bytes.Lines(lines.Bytes()) {
			checkJSON(t, line)
		}
		colored := text(true, width, func(h *Human) { h.Plan(p) })
		if got := text(false, width, func(h *Human) { h.Plan(p) }); uncolored(colored) != got {
			t.Fatalf("colour changes more than colour:\n%q\n%q", uncolored(colored), got)
		}
	})
}

// events makes each event of each step.
func events(p *plan.Plan, tell func(executor.Event)) {
	for _, s := range p.Steps {
		note := s.Unverified
		for _, e := range []executor.Event{
			executor.Started{Step: s}, executor.Progress{Step: s, Text: note}, executor.Done{Step: s, Took: time.Second, Notes: []string{note}},
			executor.Failure{Step: s, Took: time.Second, Err: errors.New(note)}, executor.Skipped{Step: s, Because: note},
		} {
			tell(e)
		}
	}
}

// uncolored removes the renditions that this package writes.
func uncolored(s string) string {
	for _, code := range []string{"0", "1", "2", "31", "32", "33", "36", "1;31", "1;32"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ") // blanks inside of a colour stay at the end of a line
	}
	return strings.Join(lines, "\n")
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func checkText(t failer, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if r != '\n' && hidden(r) {
			t.Fatalf("the character %U came out: %q", r, s)
		}
	}
	if strings.Contains(s, secretText) {
		t.Fatalf("a secret came out: %s", s)
	}
}

func checkJSON(t failer, data []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("not JSON: %v: %q", err, data)
	}
	checkText(t, string(data))
}

func TestEscapedJSONReadsAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := strings.ToValidUTF8(nasty().Draw(t, "text"), "?")
		data, err := encode(in)
		if err != nil {
			t.Fatal(err)
		}
		var out string
		if err := json.Unmarshal(data, &out); err != nil || out != in {
			t.Fatalf("%q became %q (%v) by way of %s", in, out, err, data)
		}
	})
}

func FuzzDiagnostics(f *testing.F) {
	f.Add("a = 1\n", "s\x1b", "d\r\n  e", 1, 1, 0, 1, 3, 2, 80)
	f.Add("\xff{\n\t漢\r\n}", "", "", 2, 9, 4, 99, 0, -5, 20)
	f.Fuzz(func(t *testing.T, source, summary, detail string, l1, c1, b1, l2, c2, b2, width int) {
		at := &diag.Range{Filename: summary, Start: diag.Pos{Line: l1, Column: c1, Byte: b1}, End: diag.Pos{Line: l2, Column: c2, Byte: b2}}
		list := diag.List{{Severity: diag.Error, Summary: summary, Detail: detail, Hint: detail, Address: summary, Subject: at, Context: at}}
		sources := map[string][]byte{summary: []byte(source)}
		checkText(t, text(false, width, func(h *Human) { h.Diagnostics(list, sources) }))
		data, err := DiagnosticsJSON(list, sources)
		if err != nil {
			t.Fatal(err)
		}
		checkJSON(t, data)
		(&Machine{Out: io.Discard}).Diagnostics(list, sources)
	})
}
