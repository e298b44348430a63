package view

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// reportWidth is the columns of the texts in a report.
const reportWidth = 100

// maxMarkdown is how many bytes of steps a comment holds: forges refuse more than 64 KiB.
const maxMarkdown = 56 << 10

// PlanMarkdown is a plan for a comment in a review, in the dialect of GitHub and GitLab: the summary, and each step to be
// opened, those that destroy first. What a comment has no room for is counted.
func PlanMarkdown(p *plan.Plan) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "### trovectl %s: %s\n\n%s\n", planWord(p.Mode), markdown(headline(p)), code(where(p)))
	destructive, rest := destructiveFirst(p.Steps)
	if n := len(destructive); n > 0 {
		fmt.Fprintf(&b, "\n**%s destructive.**\n", count(n, "step")+verbBe(n))
	}
	left := 0
	for _, s := range append(destructive, rest...) {
		if left > 0 || b.Len() > maxMarkdown {
			left++
			continue
		}
		fmt.Fprintf(&b, "\n<details><summary>%s %s</summary>\n\n%s\n</details>\n", code(string(signOf(s))), summaryOf(s), fenced(stepText(s)))
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n... and %s that this comment has no room for.\n", count(left, "more step"))
	}
	if notes := notesText(p); notes != "" && left == 0 {
		fmt.Fprintf(&b, "\n<details><summary>What else was found</summary>\n\n%s\n</details>\n", fenced(notes))
	}
	return b.Bytes()
}

func verbBe(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func planWord(mode plan.Mode) string {
	if mode == plan.ModeDestroy {
		return "destroy"
	}
	return "plan"
}

// headline is the summary of a plan, on one line.
func headline(p *plan.Plan) string {
	out := newPage(false, 10000)
	summary(out, p)
	return strings.TrimSpace(out.text.String())
}

// summaryOf is the title of a step, with what clients feel.
func summaryOf(s plan.Step) string {
	name := stepName(s)
	return code(name) + markdown(strings.TrimPrefix(titleText(s), name)) + ", " + markdown(string(s.Impact))
}

func titleText(s plan.Step) string {
	out := newPage(false, reportWidth)
	title(out, s)
	return strings.TrimPrefix(strings.TrimSpace(out.text.String()), "# ")
}

// stepText is a step as a terminal shows it, without its title.
func stepText(s plan.Step) string {
	out := newPage(false, reportWidth)
	step(out, s)
	_, text, _ := strings.Cut(out.text.String(), "\n")
	return text
}

// fenced puts text into a block that nothing in it can end, in the form of a diff: the sign of a line at its beginning,
// where forges colour it.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	var b strings.Builder
	b.WriteString(fence + "diff\n")
	for line := range strings.Lines(text) {
		s, rest := signed(line)
		blank := line[:len(line)-len(rest)-len(s)]
		switch {
		case s == "" || blank == "":
			b.WriteString(line)
		case s == changed:
			b.WriteString("!" + blank + rest)
		default:
			b.WriteString(string(s[:1]) + blank + string(s[1:]) + rest)
		}
	}
	return b.String() + fence + "\n"
}

// notesText is what the look found besides the steps, and the outputs that change.
func notesText(p *plan.Plan) string {
	out := newPage(false, reportWidth)
	driftNote(out, p)
	moves(out, p.Moves)
	findings(out, p)
	outputChanges(out, p.Outputs)
	return strings.TrimLeft(out.text.String(), "\n")
}

//go:embed plan.html
var planPage string

var planTemplate = template.Must(template.New("plan").Parse(planPage))

type htmlPlan struct {
	Title, Where, Headline string
	Signs                  []htmlCount
	Impacts                []htmlCount
	Steps                  []htmlStep
	Notes                  []htmlLine
}

type htmlCount struct {
	Word, Class string
	Count       int
}

type htmlStep struct {
	Title, Impact, Sign, Class string
	Lines                      []htmlLine
}

type htmlLine struct{ Class, Text string }

// PlanHTML is a plan as one page that needs nothing besides itself: no script, no font, no picture.
func PlanHTML(p *plan.Plan) ([]byte, error) {
	add, change, destroy := p.Counts()
	page := htmlPlan{
		Title: "trovectl " + planWord(p.Mode), Where: where(p), Headline: headline(p), Notes: htmlLines(notesText(p)),
		Signs: []htmlCount{{"to add", "added", add}, {"to change", "changed", change}, {"to destroy", "removed", destroy}},
	}
	impacts := map[resource.Impact]int{}
	destructive, rest := destructiveFirst(p.Steps)
	for _, s := range append(destructive, rest...) {
		impacts[s.Impact]++
		page.Steps = append(page.Steps, htmlStep{
			Title: titleText(s), Impact: string(s.Impact), Sign: string(signOf(s)), Class: classOf(signOf(s)),
			Lines: htmlLines(stepText(s)),
		})
	}
	for _, impact := range []resource.Impact{resource.DataCopy, resource.Failover, resource.Restart, resource.Reload, resource.Online} {
		if n := impacts[impact]; n > 0 {
			page.Impacts = append(page.Impacts, htmlCount{Word: string(impact), Count: n})
		}
	}
	var b bytes.Buffer
	if err := planTemplate.Execute(&b, page); err != nil {
		return nil, fmt.Errorf("writing the page: %w", err)
	}
	return b.Bytes(), nil
}

// signed parts a line at its sign; there is none in most lines.
func signed(line string) (s sign, rest string) {
	line = strings.TrimLeft(line, " ")
	word, _, _ := strings.Cut(line, " ")
	if word == "" || strings.Trim(word, "+-~/") != "" {
		return "", line
	}
	return sign(word), line[len(word):]
}

func classOf(s sign) string {
	switch s {
	case "", same:
		return ""
	case added:
		return "added"
	case changed:
		return "changed"
	default: // removed, also as a part of a replacement
		return "removed"
	}
}

// htmlLines gives each line of a text the class of its sign.
func htmlLines(text string) []htmlLine {
	var out []htmlLine
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		s, rest := signed(line)
		class := classOf(s)
		if strings.HasPrefix(rest, "# ") {
			class = "note"
		}
		out = append(out, htmlLine{class, line})
	}
	return out
}
