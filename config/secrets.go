package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// digest is a fingerprint of everything but secrets that the desired set was made from.
func (r *reader) digest() string {
	sum := sha256.New()
	part := func(kind, name string, data []byte) {
		content := sha256.Sum256(data)
		line, _ := json.Marshal([]string{kind, name, hex.EncodeToString(content[:])})
		_, _ = sum.Write(append(line, '\n')) // a hash never fails
	}
	for _, name := range slices.Sorted(maps.Keys(r.sources)) {
		if strings.HasSuffix(name, configSuffix) {
			part("file", name, r.sources[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.inputs)) {
		part("input", name, r.inputs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.variables)) {
		v := r.variables[name]
		if v.sensitive || !v.assigned {
			continue
		}
		if value, _ := v.value.UnmarkDeep(); value.IsWhollyKnown() {
			if data, err := ctyjson.Marshal(value, value.Type()); err == nil {
				part("variable", name, data)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (r *reader) secretList() []resource.Secret {
	var out []resource.Secret
	for _, text := range slices.Sorted(maps.Keys(r.secrets)) {
		out = append(out, resource.NewSecret(text))
	}
	return out
}

// shortSecret is the length from which secrets are scrubbed: shorter ones would tear ordinary words apart.
const shortSecret = 3

// veil replaces every secret that was seen so far, in one pass over a text; nil: there is none.
func (r *reader) veil() *strings.Replacer {
	var pairs []string
	longest := slices.SortedFunc(maps.Keys(r.secrets), func(a, b string) int { return len(b) - len(a) })
	for _, s := range longest {
		if len(s) >= shortSecret {
			pairs = append(pairs, s, resource.Hidden)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

// scrub takes every secret out of what is told. Messages of functions may quote their arguments.
func (r *reader) scrub(list diag.List) diag.List {
	replace := r.veil()
	if replace == nil {
		return list
	}
	for i := range list {
		list[i].Summary = replace.Replace(list[i].Summary)
		list[i].Detail = replace.Replace(list[i].Detail)
		list[i].Hint = replace.Replace(list[i].Hint)
	}
	return list
}

// mask notes that an argument's value is a secret that stands in a file.
func (r *reader) mask(attr *hclsyntax.Attribute) {
	if len(attr.Expr.Variables()) == 0 {
		r.masks[attr.Expr.Range()] = true
	}
}

// maskedSources are the sources for showing: stars in place of secrets, so that places stay right.
func (r *reader) maskedSources() map[string][]byte {
	out := make(map[string][]byte, len(r.sources))
	for name, src := range r.sources {
		src = slices.Clone(src)
		for secret := range r.secrets {
			if len(secret) < shortSecret {
				continue
			}
			for at := 0; ; {
				i := bytes.Index(src[at:], []byte(secret))
				if i < 0 {
					break
				}
				blank(src[at+i : at+i+len(secret)])
				at += i + len(secret)
			}
		}
		out[name] = src
	}
	for at := range r.masks {
		if src := out[at.Filename]; at.CanSliceBytes(src) {
			blank(at.SliceBytes(src))
		}
	}
	return out
}

func blank(part []byte) {
	for i, c := range part {
		if c != '\n' && c != '\r' && c != '"' {
			part[i] = '*'
		}
	}
}

// withoutDerived is the detail of a diagnostic about an expression. What is quoted in it may be made from a secret that only
// functions have seen, and that scrubbing does not know: then the detail is left out.
func withoutDerived(d *hcl.Diagnostic) string {
	if d.Expression == nil || d.EvalContext == nil || !strings.ContainsAny(d.Detail, "\"'`") {
		return d.Detail
	}
	for _, t := range d.Expression.Variables() {
		v, found := t.TraverseAbs(d.EvalContext)
		if found.HasErrors() {
			continue // names nothing, so nothing was made from it
		}
		if _, marks := v.UnmarkDeep(); len(marks) > 0 {
			return "It rests on a sensitive value, so what is wrong with it is not shown."
		}
	}
	return d.Detail
}

// remember keeps every text in a sensitive value, so that it can be scrubbed from whatever is told.
// holdsSecret tells whether a text in a value is a secret that was seen, or holds one that the veil knows.
func (r *reader) holdsSecret(v cty.Value, veil *strings.Replacer) bool {
	found := false
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) { // the callback never fails
		if !leaf.IsKnown() || leaf.IsNull() || leaf.Type() != cty.String {
			return true, nil
		}
		text := leaf.AsString()
		found = found || r.secrets[text] || veil != nil && veil.Replace(text) != text
		return true, nil
	})
	return found
}

func (r *reader) remember(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) { // the callback never fails
		if leaf.IsKnown() && !leaf.IsNull() && leaf.Type() == cty.String && leaf.AsString() != "" {
			r.secrets[leaf.AsString()] = true
		}
		return true, nil
	})
}

// hasText tells whether a value holds a string that is not empty.
func hasText(v cty.Value) bool {
	found := false
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) { // the callback never fails
		found = found || (leaf.IsKnown() && !leaf.IsNull() && leaf.Type() == cty.String && leaf.AsString() != "")
		return true, nil
	})
	return found
}

// rememberMarked keeps the texts in a value that are sensitive, as a whole or in parts.
func (r *reader) rememberMarked(v cty.Value) {
	if !v.ContainsMarked() {
		return
	}
	_, paths := v.UnmarkDeepWithPaths()
	for _, p := range paths {
		if _, ok := p.Marks[sensitiveMark]; !ok {
			continue
		}
		if part, err := p.Path.Apply(v); err == nil {
			r.remember(part)
		}
	}
}
