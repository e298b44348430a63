package config

import (
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/trovectl/trovectl/config/resource"
)

// maxRepetition bounds count and for_each, so that a slip of the finger costs an error and not the machine.
const maxRepetition = 100_000

// turn is one repetition of a block.
type turn struct {
	key  resource.Key
	vars map[string]cty.Value // each or count
}

// repetition reads count and for_each. Not ok: reported.
func (r *reader) repetition(n *node, ctx *hcl.EvalContext) ([]turn, resource.Repetition, bool) {
	count, each := n.block.Body.Attributes["count"], n.block.Body.Attributes["for_each"]
	switch {
	case count != nil && each != nil:
		r.fail(each.NameRange, "count and for_each together", "Remove one of the two.", "A block is repeated by one of them.")
		r.poisoned = true
		return nil, resource.Repetition{}, false
	case count != nil:
		turns, ok := r.turnsOfCount(count, ctx)
		return turns, resource.Repetition{Mode: "count", Count: len(turns)}, ok
	case each != nil:
		turns, ok := r.turnsOfEach(each, ctx)
		return turns, resource.Repetition{Mode: "for_each"}, ok
	default:
		return []turn{{key: resource.NoKey}}, resource.Repetition{Mode: "single"}, true
	}
}

func (r *reader) turnsOfCount(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) ([]turn, bool) {
	v, ok := r.evalKeys(attr, ctx)
	if !ok {
		return nil, false
	}
	v, err := convert.Convert(v, cty.Number)
	if err != nil || v.IsNull() {
		r.fail(attr.Expr.Range(), "Wrong type", "", "count is a whole number.")
		return nil, false
	}
	whole, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || whole < 0 || whole > maxRepetition {
		r.fail(attr.Expr.Range(), "Invalid count", "", "count is a whole number from 0 to %d.", maxRepetition)
		return nil, false
	}
	turns := make([]turn, whole)
	for i := range turns {
		index := cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(i))})
		turns[i] = turn{key: resource.IndexKey(i), vars: map[string]cty.Value{"count": index}}
	}
	return turns, true
}

// turnsOfEach reads for_each. Blocks that are repeated by the same value share its turns: to put a large set in order costs
// as much as everything else that is done for it.
func (r *reader) turnsOfEach(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) ([]turn, bool) {
	name := ""
	if plain, is := attr.Expr.(*hclsyntax.ScopeTraversalExpr); is {
		name = string(hclwrite.TokensForTraversal(plain.Traversal).Bytes())
	}
	if turns, known := r.sharedTurns[name]; known && name != "" {
		return turns, true
	}
	turns, ok := r.turnsOfValue(attr, ctx)
	if ok {
		r.sharedTurns[name] = turns
	}
	return turns, ok
}

func (r *reader) turnsOfValue(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) ([]turn, bool) {
	v, ok := r.evalKeys(attr, ctx)
	if !ok {
		return nil, false
	}
	ty := v.Type()
	isSet := ty.IsSetType() && (ty.ElementType() == cty.String || ty.ElementType() == cty.DynamicPseudoType)
	if v.IsNull() || (!isSet && !ty.IsMapType() && !ty.IsObjectType()) {
		r.fail(attr.Expr.Range(), "Wrong type", "Write for_each = toset([\"a\", \"b\"]), or a map.",
			"for_each is a map or a set of strings, not %s.", friendly(v))
		return nil, false
	}
	if _, single := identityOf(v); single {
		r.fail(attr.Expr.Range(), "Wrong type", "", "for_each is a map or a set of strings, not one resource.")
		return nil, false
	}
	if v.LengthInt() > maxRepetition {
		r.fail(attr.Expr.Range(), "Too many", "", "for_each has more than %d elements.", maxRepetition)
		return nil, false
	}
	return r.eachTurns(v, isSet, attr.Expr.Range())
}

func (r *reader) eachTurns(v cty.Value, isSet bool, at hcl.Range) ([]turn, bool) {
	var turns []turn
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if isSet {
			key = value
		}
		if !key.IsKnown() {
			r.poisoned = true
			return nil, false
		}
		if key, _ = key.Unmark(); key.IsNull() {
			r.fail(at, "Key is null", "", "An element of for_each is null.")
			return nil, false
		}
		if key.AsString() == "" {
			r.fail(at, "Empty key", "", "An element of for_each is empty; it could not be named.")
			return nil, false
		}
		each := cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		turns = append(turns, turn{key: resource.TextKey(key.AsString()), vars: map[string]cty.Value{"each": each}})
	}
	slices.SortFunc(turns, func(a, b turn) int { return resource.Address{Key: a.key}.Compare(resource.Address{Key: b.key}) })
	return turns, true
}

// evalKeys evaluates count or for_each, which become parts of addresses: neither sensitive nor unknown.
func (r *reader) evalKeys(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) (cty.Value, bool) {
	v, ok := r.eval(attr, ctx)
	if !ok {
		return v, false
	}
	v, marks := v.Unmark()
	if ty := v.Type(); !ty.IsMapType() && !ty.IsObjectType() && !ty.IsSetType() { // values of a map may be secret, a set has no marks within
		var deep cty.ValueMarks
		v, deep = v.UnmarkDeep()
		marks = cty.NewValueMarks(marks, deep)
	}
	if names := absent(marks); len(names) > 0 {
		r.failAbsent(attr.Expr.Range(), names, attr.Name)
		r.poisoned = true
		return v, false
	}
	if _, hidden := marks[sensitiveMark]; hidden {
		r.fail(attr.Expr.Range(), "Sensitive value", "Use nonsensitive(keys(...)) on the part that is no secret.",
			"%s is shown in addresses, so it cannot be made from a sensitive value.", attr.Name)
		r.poisoned = true
		return v, false
	}
	if !v.IsKnown() {
		r.poisoned = true
		return v, false
	}
	return v, true
}
