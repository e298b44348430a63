package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/resource"
)

// laterBlocks belong to the language and are not there yet.
var laterBlocks = []string{"replica", "backup", "cluster", "action", "module", "import", "removed"}

// habitBlocks are what users of Terraform type, and what to type here.
var habitBlocks = map[string]string{
	"resource":  "Kinds are blocks of their own here: write `instance \"orders\" { ... }`, not `resource \"...\" \"orders\" { ... }`.",
	"data":      "There is nothing to look up: name flavors, networks and images by name or id where they are used.",
	"terraform": "Write `trove { ... }` for required_version and the state.",
	"ephemeral": "Give secrets by variables with `sensitive = true`: they are never kept.",
	"workspace": "There are no workspaces: use one directory or one state address per environment.",
	"backend":   "Write `trove { state \"swift\" { ... } }`.",
}

// habitArguments are arguments that users of Terraform type, and what to type here.
var habitArguments = map[string]string{
	"prevent_destroy":       "Write `protect = true`.",
	"create_before_destroy": "Nothing is ever replaced by an empty machine here, so there is no order to choose. Remove it.",
	"ignore_changes":        "Leave an argument out to leave it unmanaged. Remove ignore_changes.",
	"replace_triggered_by":  "Nothing is ever replaced implicitly. Use `apply -replace ADDRESS` when you must.",
	"precondition":          "Put it into `lifecycle { ... }` of a resource, or use `validation` in a variable.",
	"postcondition":         "Put it into `lifecycle { ... }` of a resource, or use a `check` block.",
	"workspace":             "There are no workspaces: use one directory or one state address per environment.",
	"backend":               "Write `state \"swift\" { ... }`.",
	"required_providers":    "Providers are built in. Remove it.",
	"provider":              "Write it in the instance: what lives in an instance follows it.",
	"depends_on":            "It belongs into a resource; everything else is evaluated when all is there. Remove it.",
	"alias":                 "Write it as a second label: provider \"openstack\" \"west\" { ... }.",
	"provisioner":           "Machines are set up by the agent; there are no provisioners.",
	"enabled":               "Write `count = ENABLED ? 1 : 0` in the block itself.",
	"destroy":               "Write `protect = true` to keep the resource.",
	"ephemeral":             "Write `sensitive = true`: secrets are never kept.",
	"deprecated":            "Say it in the description.",
	"timeouts":              "The timeouts of a first boot stand in the guest block: guest { timeouts { boot = \"20m\" } }.",
	"connection":            "Say how agents are reached in the `guest` block.",
}

func (r *reader) strangeBlock(b *hclsyntax.Block) {
	at := b.TypeRange
	if slices.Contains(laterBlocks, b.Type) {
		r.fail(at, "Not available yet", "Remove the block.", "%s blocks belong to the language, but this version of trovectl cannot do them yet.", b.Type)
		return
	}
	if hint, ok := habitBlocks[b.Type]; ok {
		r.fail(at, "Unknown block", hint, "There are no %q blocks in this language.", b.Type)
		return
	}
	known := append([]string{"trove", "provider", "guest", "variable", "locals", "output", "check", "moved"}, kindNames()...)
	detail := fmt.Sprintf("There are no %q blocks.", b.Type)
	r.fail(at, "Unknown block", didYouMean(b.Type, known, "The blocks are "+strings.Join(known, ", ")+"."), "%s", detail)
}

func kindNames() []string {
	var out []string
	for _, k := range resource.Kinds {
		out = append(out, string(k))
	}
	return out
}

// nearest is the candidate that the word was probably meant to be, or "". Of equally near ones the first by the alphabet.
func nearest(word string, candidates []string) string {
	sorted := slices.Sorted(slices.Values(candidates))
	best, least := "", max(2, len(word)/3+1)
	for _, c := range sorted {
		if len(c)-len(word) > least || len(word)-len(c) > least {
			continue
		}
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(c), nil); d < least || (d == least && best == "") {
			best, least = c, d
		}
	}
	return best
}

// didYouMean names the nearest candidate, or else says what the caller offers.
func didYouMean(word string, candidates []string, otherwise string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	return otherwise
}
