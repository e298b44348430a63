package reference

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/trovectl/trovectl/cmd/internal/command"
)

// documents are all Markdown files of the repository, by their path below the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || entry.Name() == "bin" || entry.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(name, ".md"):
			text, err := os.ReadFile(filepath.Join(root, name))
			out[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d pages were found", len(out))
	}
	return out
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	inline  = regexp.MustCompile("`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// TestNoDeadLinks: every relative link leads to a file, and its anchor to a heading.
func TestNoDeadLinks(t *testing.T) {
	all := documents(t)
	for page, text := range all {
		for _, found := range link.FindAllStringSubmatch(inline.ReplaceAllString(fence.ReplaceAllString(text, ""), "x"), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := page
			if target != "" {
				to = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, found[1])
			} else if anchor != "" && !slices.Contains(anchors(all[to]), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", page, found[1], to)
			}
		}
	}
}

// anchors are the names that GitHub and GitLab give to headings.
func anchors(text string) (out []string) {
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, found[1]))
	}
	return out
}

var (
	inText  = regexp.MustCompile("`trovectl ([^`\n]+)`")
	inBlock = regexp.MustCompile(`(?m)(?:^ *|\$ |- |run: |&& |\()trovectl ([^\n]+)`)
	ends    = regexp.MustCompile(` #| [|&]|[)>]`)
	option  = regexp.MustCompile(`(?:^| )--?([a-z][a-z-]*)`)
)

// TestQuotedCommandsExist: every command line in a page has words and options that trovectl knows.
func TestQuotedCommandsExist(t *testing.T) {
	checked := 0
	for page, text := range documents(t) {
		lines := inText.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1)
		for _, block := range fence.FindAllString(text, -1) {
			lines = append(lines, inBlock.FindAllStringSubmatch(block, -1)...)
		}
		for _, line := range lines {
			if fault := unknown(line[1]); fault != "" {
				t.Errorf("%s quotes `trovectl %s`: %s", page, line[1], fault)
			}
			checked++
		}
	}
	if checked < 50 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// unknown says what of a command line trovectl does not know.
func unknown(line string) string {
	if end := ends.FindStringIndex(line); end != nil {
		line = line[:end[0]]
	}
	words := strings.Fields(line)
	for len(words) > 0 && strings.HasPrefix(words[0], "-chdir=") {
		words = words[1:]
	}
	all := command.Describe()
	if len(words) == 0 || slices.Contains(all.Later, words[0]) || words[0] == "-version" {
		return ""
	}
	for _, n := range []int{2, 1} {
		i := slices.IndexFunc(all.Commands, func(c command.CommandDoc) bool {
			return len(words) >= n && c.Words == strings.Join(words[:n], " ")
		})
		if i < 0 {
			continue
		}
		for _, found := range option.FindAllStringSubmatch(strings.Join(words[n:], " "), -1) {
			known := func(o command.OptionDoc) bool { return o.Name == found[1] }
			if !slices.ContainsFunc(all.Commands[i].Options, known) && found[1] != "help" {
				return "it has no option -" + found[1]
			}
		}
		return ""
	}
	return "there is no such command"
}
