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
