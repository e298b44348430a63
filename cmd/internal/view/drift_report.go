package view

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// DriftReport is a look at reality in the forms that other programs read.
type DriftReport struct {
	Plan     *plan.Plan
	Recorded []resource.Address // everything that was compared, sorted
	FailOn   []DriftKind        // what counts as drift
}

// Fails tells whether something was found that counts as drift.
func (r DriftReport) Fails() bool { return slices.ContainsFunc(DriftFindings(r.Plan), r.counts) }

func (r DriftReport) counts(f DriftFinding) bool { return slices.Contains(r.FailOn, f.Kind) }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// JUnit is a test case for each resource and for what has no address. What counts as drift is a failure, what counts and
// could not be looked at an error; everything else that was found is output.
func (r DriftReport) JUnit() ([]byte, error) {
	suite := junitSuite{Name: "trovectl drift"}
	byName := map[string][]DriftFinding{}
	var names []string
	for _, a := range r.Recorded {
		names = append(names, a.String())
		byName[a.String()] = nil
	}
	for _, f := range DriftFindings(r.Plan) {
		name := f.Address
		if name == "" {
			name = f.Object
		}
		if _, there := byName[name]; !there {
			names = append(names, name)
		}
		byName[name] = append(byName[name], f)
	}
	for _, name := range names {
		suite.add(r.junitCase(name, byName[name]))
	}
	all := junitSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suites: []junitSuite{suite}}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JUnit: %w", err)
	}
	return append([]byte(xml.Header), append(data, '\n')...), nil
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	}
	s.Cases = append(s.Cases, c)
}

// junitCase tells the worst finding as the result, for readers expect one, and all of them in its text.
func (r DriftReport) junitCase(name string, found []DriftFinding) junitCase {
	class, _, _ := strings.Cut(name, ".")
	class, _, _ = strings.Cut(class, " ")
	out := junitCase{Name: visible(name), Class: visible(class)}
	var lines []string
	for _, f := range found {
		lines = append(lines, visible(f.subject()+" "+f.Text))
	}
	text := strings.Join(lines, "\n")
	i := slices.IndexFunc(found, r.counts)
	if i < 0 {
		out.Out = text
		return out
	}
	problem := &junitProblem{Message: visible(found[i].Text), Type: string(found[i].Kind), Text: text}
	if found[i].Kind == Unknown {
		out.Error = problem
	} else {
		out.Failure = problem
	}
	return out
}

// Prometheus is the text exposition format: how many resources were compared, how many findings of each kind there are,
// and one gauge for each finding.
func (r DriftReport) Prometheus() []byte {
	var b bytes.Buffer
	labels := fmt.Sprintf(`cloud="%s",project="%s",region="%s",state="%s"`, label(first(r.Plan.Cloud.Name, r.Plan.Cloud.AuthURL)),
		label(first(r.Plan.Cloud.ProjectName, r.Plan.Cloud.ProjectID)), label(r.Plan.Cloud.Region), label(r.Plan.State))
	all := DriftFindings(r.Plan)
	b.WriteString("# HELP trovectl_drift_resources Resources that the state records and that were compared with reality.\n# TYPE trovectl_drift_resources gauge\n")
	fmt.Fprintf(&b, "trovectl_drift_resources{%s} %d\n", labels, len(r.Recorded))
	b.WriteString("# HELP trovectl_drift_findings What was found, by kind.\n# TYPE trovectl_drift_findings gauge\n")
	counts := countKinds(all)
	for _, kind := range DriftKinds {
		fmt.Fprintf(&b, "trovectl_drift_findings{%s,kind=\"%s\"} %d\n", labels, kind, counts[kind])
	}
	b.WriteString("# HELP trovectl_drift_finding Something that was found; its value is how often.\n# TYPE trovectl_drift_finding gauge\n")
	times, lines := map[string]int{}, []string(nil)
	for _, f := range all { // a series stands once
		line := fmt.Sprintf("trovectl_drift_finding{%s,kind=\"%s\",address=\"%s\",object=\"%s\"}", labels, f.Kind, label(f.Address), label(f.Object))
		if times[line]++; times[line] == 1 {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		fmt.Fprintf(&b, "%s %d\n", line, times[line])
	}
	return b.Bytes()
}

// label escapes the value of a label.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(visible(s))
}

// Markdown is the report in the dialect of GitHub and GitLab.
func (r DriftReport) Markdown() []byte {
	var b bytes.Buffer
	all := DriftFindings(r.Plan)
	fmt.Fprintf(&b, "### trovectl drift: %s\n\n%s\n\n", markdown(driftSummary(r.Plan)), code(where(r.Plan)))
	if len(all) == 0 {
		fmt.Fprintf(&b, "%s compared.\n", count(len(r.Recorded), "resource"))
		return b.Bytes()
	}
	b.WriteString("| kind | what | details |\n|---|---|---|\n")
	for _, f := range all {
		kind := string(f.Kind)
		if r.counts(f) {
			kind = "**" + kind + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", kind, code(f.subject()), code(f.Text))
	}
	fmt.Fprintf(&b, "\n%s compared. What is bold counts as drift.\n", count(len(r.Recorded), "resource"))
	return b.Bytes()
}

// where is the first line of everything that was compared with a cloud, as plain text.
func where(p *plan.Plan) string {
	out := newPage(false, 0)
	heading(out, p)
	return strings.TrimSuffix(out.text.String(), "\n")
}

// markdown writes text so that nothing in it is markup or ends a cell of a table.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range visible(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]|#~!$:", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code writes text in the type of a program, where forges neither link nor mention anybody.
func code(s string) string { return "<code>" + markdown(s) + "</code>" }
