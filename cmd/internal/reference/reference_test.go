package reference

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/cmd/internal/command"
)

const root = "../../.."

// TestPagesAreFresh fails when the code says something else than its pages.
func TestPagesAreFresh(t *testing.T) {
	for name, want := range Pages() {
		got, err := os.ReadFile(filepath.Join(root, "website/reference", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(got), want); diff != "" {
			t.Errorf("website/reference/%s is not what the code says; `go generate ./cmd/internal/reference` writes it (-page +code):\n%s", name, diff)
		}
	}
}

// TestVariablesAreDocumented reads the sources for names of the environment.
func TestVariablesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, v := range command.Describe().Variables {
		documented[v.Name] = true
	}
	read := map[string]bool{"TROVE_VAR_name": true, "TROVE_CLI_ARGS_command": true, "OS_*": true} // families, by prefix
	names := regexp.MustCompile(`"(TROVE_[A-Z_]*[A-Z]|NO_COLOR|TERM|CI|CI_JOB_URL|GITHUB_RUN_ID|SSH_AUTH_SOCK)"`)
	for _, room := range []string{"cmd/internal/command", "cmd/internal/view", "config", "state", "executor", "planner", "providers/openstack", "providers/middleware"} {
		for _, text := range sources(t, room) {
			for _, found := range names.FindAllStringSubmatch(text, -1) {
				read[found[1]] = true
			}
		}
	}
	for name := range read {
		if !documented[name] {
			t.Errorf("%s is read and has no line in variableDocs", name)
		}
	}
	for name := range documented {
		if !read[name] {
			t.Errorf("%s has a line in variableDocs and is not read", name)
		}
	}
}

// TestCodesAreExplained: whoever looks for the code of a diagnostic finds it in the page on troubles.
func TestCodesAreExplained(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "website/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	given, found := regexp.MustCompile(`(?:Code: |\b[Ww]arnf?\(|code, detail :?= |Code = diag\.\w+, )"([a-z]+(?:-[a-z]+)*)"`), 0
	for _, room := range []string{"cmd/internal/command", "config", "planner"} {
		for _, text := range sources(t, room) {
			for _, one := range given.FindAllStringSubmatch(text, -1) {
				found++
				if !strings.Contains(string(page), "`"+one[1]+"`") {
					t.Errorf("website/troubleshooting.md does not explain the code %s", one[1])
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d codes were found", found)
	}
}

// sources are the texts of a room's files but its tests and what documents the names.
func sources(t *testing.T, room string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, room), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasSuffix(path, "command/reference.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if !strings.HasPrefix(string(text), "//go:build ") { // what only some builds have is not for users
			out = append(out, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
