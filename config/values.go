package config

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// textOf is a primitive value as text.
func textOf(v cty.Value) string {
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() {
		return ""
	}
	return v.AsString()
}

// texts is every argument of an open block.
func (f *form) texts() map[string]string {
	out := map[string]string{}
	for name := range f.args {
		if f.has(name) {
			out[name] = f.text(name)
		}
	}
	return out
}

// whole is the value of a whole number; otherwise when it has none. Not in bounds: reported.
func (r *reader) whole(f *form, name string, low, high, otherwise int64) int {
	if !f.has(name) {
		return int(otherwise)
	}
	n, accuracy := f.args[name].value.AsBigFloat().Int64()
	if accuracy != big.Exact || n < low || n > high {
		f.failed, r.poisoned = true, true
		r.failFor(f.address, f.place(name), "Invalid number", "", "%s is a whole number from %d to %d.", name, low, high)
		return int(otherwise)
	}
	return int(n)
}

func (r *reader) portNumber(f *form, name string, otherwise int) int {
	return r.whole(f, name, 1, 65535, int64(otherwise))
}

// notEmpty reports a text that is given and empty.
func (r *reader) notEmpty(f *form, names ...string) {
	for _, name := range names {
		if f.has(name) && strings.TrimSpace(f.text(name)) == "" {
			f.failed, r.poisoned = true, true
			r.failFor(f.address, f.place(name), "Empty value", "Give it a value, or leave it out if it may be absent.", "%s is empty.", name)
		}
	}
}

// networks is the value of a list of CIDRs, canonical, sorted, each once.
func (r *reader) networks(f *form, name string) []string {
	var out []string
	for _, text := range f.list(name) {
		canonical, err := canonicalNetwork(text)
		if err != nil {
			f.failed, r.poisoned = true, true
			r.failFor(f.address, f.place(name), "Invalid network", err.hint, "%s: %q is not a network: %s.", name, text, err)
			continue
		}
		out = append(out, canonical)
	}
	slices.SortFunc(out, func(a, b string) int { return netip.MustParsePrefix(a).Compare(netip.MustParsePrefix(b)) })
	return slices.Compact(out)
}

// networkError says what is wrong with a CIDR and how to write it.
type networkError struct {
	error
	hint string
}

func canonicalNetwork(text string) (string, *networkError) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if a, bare := netip.ParseAddr(text); bare == nil && a.Zone() == "" {
			return "", &networkError{errors.New("it has no length"), fmt.Sprintf("For this address alone write %q.", netip.PrefixFrom(a, a.BitLen()).String())}
		}
		return "", &networkError{errors.New("it is not in CIDR notation"), "Write something like \"10.0.0.0/16\"."}
	}
	if masked := p.Masked(); masked.Addr() != p.Addr() {
		return "", &networkError{
			fmt.Errorf("the address has bits beyond its length of %d", p.Bits()),
			fmt.Sprintf("Write %q for the network, or %q for the one address.", masked.String(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen()).String()),
		}
	}
	if p.Addr().Is4In6() {
		return "", &networkError{errors.New("it is an IPv4 network in IPv6 clothes"), "Write it as IPv4."}
	}
	return p.String(), nil
}

// versionAllows tells whether a version satisfies constraints such as ">= 0.1, < 2" or "~> 1.4". An empty version
// satisfies all; what follows a dash or a plus in it is not compared.
func versionAllows(constraints, version string) (bool, error) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	version, _, _ = strings.Cut(version, "+")
	have, haveErr := versionParts(version)
	all := true
	for _, c := range strings.Split(constraints, ",") {
		c = strings.TrimSpace(c)
		rest := strings.TrimLeft(c, "<>=!~")
		want, err := versionParts(strings.TrimSpace(rest))
		if err != nil {
			return false, fmt.Errorf("%q is not a constraint", c)
		}
		ok, err := compareVersion(have, c[:len(c)-len(rest)], want)
		if err != nil {
			return false, fmt.Errorf("%q is not a constraint", c)
		}
		all = all && ok
	}
	return all || haveErr != nil, nil
}

func versionParts(s string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || len(out) == 3 {
			return nil, fmt.Errorf("%q is not a version", s)
		}
		out = append(out, n)
	}
	return out, nil
}

func compareVersion(have []int, operator string, want []int) (bool, error) {
	pad := func(v []int) []int { return append(slices.Clone(v), 0, 0, 0)[:3] }
	order := slices.Compare(pad(have), pad(want))
	switch operator {
	case "", "=":
		return order == 0, nil
	case "!=":
		return order != 0, nil
	case ">":
		return order > 0, nil
	case ">=":
		return order >= 0, nil
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case "~>":
		same := max(1, len(want)-1) // the last part that is written may grow, those before it stay
		return order >= 0 && slices.Equal(pad(have)[:same], want[:same]), nil
	default:
		return false, errors.New("no such operator")
	}
}
