package catalog

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Normalize returns the canonical text of a value: integers as decimal numbers (128M is 134217728), booleans as ON and
// OFF, enums and sets in the server's spelling and order, numbers without trailing zeros, and with the largest unit that
// keeps them whole where the parameter has one (131072kB is 128MB). It is what the running server
// reports, put through the same function. Its error says what is allowed. It does not look at Refused: the agent's own
// values go through it too.
func (p Parameter) Normalize(value string) (string, error) {
	if p.Unit != "" {
		return p.normalizeQuantity(value)
	}
	switch p.Type {
	case TypeInteger:
		return p.normalizeInteger(value)
	case TypeNumber:
		return p.normalizeNumber(value)
	case TypeBoolean:
		return p.normalizeBoolean(value)
	case TypeEnum:
		return p.normalizeEnum(value)
	case TypeSet:
		if p.Flags {
			return p.normalizeFlags(value)
		}
		return p.normalizeSet(value)
	case TypeSize:
		return p.normalizeSize(value)
	case TypeString:
		if form, ok := forms[p.Form]; ok {
			return form(p, value)
		}
		return p.normalizeString(value)
	}
	return "", fmt.Errorf("%s has the unknown type %q", p.Name, p.Type)
}

func (p Parameter) normalizeInteger(value string) (string, error) {
	n, ok := parseSize(strings.TrimSpace(value))
	if !ok {
		return "", fmt.Errorf("%s is an integer%s (K, M, G, T after it count in 1024), not %q", p.Name, p.rangeText(), value)
	}
	if below, above := p.outside(new(big.Float).SetInt(n)); below || above {
		return "", fmt.Errorf("%s must be an integer%s, not %s", p.Name, p.rangeText(), value)
	}
	if step, ok := new(big.Int).SetString(p.Step, 10); ok && step.Sign() > 0 {
		if rest := new(big.Int).Rem(n, step); rest.Sign() != 0 {
			return "", fmt.Errorf("%s must be a multiple of %s: %s is not; the nearest below is %s", p.Name, p.Step, value,
				new(big.Int).Sub(n, rest))
		}
	}
	return n.String(), nil
}

// parseSize reads a decimal integer with an optional suffix K to E that counts in powers of 1024, as the server does.
func parseSize(text string) (*big.Int, bool) {
	if text == "" {
		return nil, false
	}
	shift := uint(0)
	if i := strings.IndexByte("KMGTPE", text[len(text)-1]&^0x20); i >= 0 {
		shift = uint(i+1) * 10
		text = text[:len(text)-1]
	}
	for i, r := range text {
		if (r < '0' || r > '9') && (i > 0 || r != '-' && r != '+') {
			return nil, false
		}
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, false
	}
	return n.Lsh(n, shift), true
}

func (p Parameter) normalizeNumber(value string) (string, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || f != f || f-f != 0 {
		return "", fmt.Errorf("%s is a number%s, not %q", p.Name, p.rangeText(), value)
	}
	if below, above := p.outside(big.NewFloat(f)); below || above {
		return "", fmt.Errorf("%s must be a number%s, not %s", p.Name, p.rangeText(), value)
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}

func (p Parameter) outside(n *big.Float) (below, above bool) {
	if limit, _, err := big.ParseFloat(p.Min, 10, 128, big.ToNearestEven); err == nil {
		below = n.Cmp(limit) < 0
	}
	if limit, _, err := big.ParseFloat(p.Max, 10, 128, big.ToNearestEven); err == nil {
		above = n.Cmp(limit) > 0
	}
	return below, above
}

func (p Parameter) rangeText() string {
	switch {
	case p.Min != "" && p.Max != "":
		return fmt.Sprintf(" from %s to %s", p.Min, p.Max)
	case p.Min != "":
		return " from " + p.Min
	case p.Max != "":
		return " up to " + p.Max
	}
	return ""
}

var booleans = map[string]string{
	"on": "ON", "true": "ON", "yes": "ON", "1": "ON",
	"off": "OFF", "false": "OFF", "no": "OFF", "0": "OFF",
}

func (p Parameter) normalizeBoolean(value string) (string, error) {
	if canonical, ok := booleans[strings.ToLower(strings.TrimSpace(value))]; ok {
		return canonical, nil
	}
	return "", fmt.Errorf("%s is ON or OFF (true or false), not %q", p.Name, value)
}

func (p Parameter) normalizeEnum(value string) (string, error) {
	text := strings.TrimSpace(value)
	if member, ok := p.member(text); ok {
		return member, nil
	}
	// HCL's true and false, where the enum has words for them.
	if word, ok := booleans[strings.ToLower(text)]; ok {
		if member, ok := p.member(word); ok {
			return member, nil
		}
	}
	return "", fmt.Errorf("%s is one of %s, not %q%s", p.Name, strings.Join(p.Enum, ", "), value, didYouMean(text, p.Enum))
}

func (p Parameter) member(word string) (string, bool) {
	for _, e := range p.Enum {
		if strings.EqualFold(e, word) {
			return e, true
		}
	}
	return "", false
}

func (p Parameter) normalizeSet(value string) (string, error) {
	set := map[string]bool{}
	for word := range strings.SplitSeq(value, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		member, ok := p.member(word)
		if !ok {
			return "", fmt.Errorf("%s is a list of %s; %q is none of them%s", p.Name, strings.Join(p.Enum, ", "), word,
				didYouMean(word, p.Enum))
		}
		expansion, ok := p.Expands[member]
		if !ok {
			expansion = []string{member}
		}
		for _, m := range expansion {
			set[m] = true
		}
	}
	var out []string
	for _, member := range p.Enum {
		if set[member] {
			out = append(out, member)
		}
	}
	return strings.Join(out, ","), nil
}

func (p Parameter) normalizeFlags(value string) (string, error) {
	flags := map[string]string{}
	for i, text := range []string{p.Default, value} {
		for pair := range strings.SplitSeq(text, ",") {
			name, setting, ok := strings.Cut(strings.TrimSpace(pair), "=")
			member, known := p.member(strings.TrimSpace(name))
			setting = strings.ToLower(strings.TrimSpace(setting))
			if strings.TrimSpace(pair) == "" || i == 0 && !known {
				continue
			}
			if !ok || !known || setting != "on" && setting != "off" {
				return "", fmt.Errorf("%s is a list of NAME=on or NAME=off, where NAME is one of %s; %q is none of them%s",
					p.Name, strings.Join(p.Enum, ", "), strings.TrimSpace(pair), didYouMean(name, p.Enum))
			}
			flags[member] = setting
		}
	}
	out := make([]string, 0, len(p.Enum))
	for _, member := range p.Enum {
		if setting, ok := flags[member]; ok {
			out = append(out, member+"="+setting)
		}
	}
	return strings.Join(out, ","), nil
}

func (p Parameter) normalizeString(value string) (string, error) {
	if i := strings.IndexFunc(value, unicode.IsControl); i >= 0 {
		return "", fmt.Errorf("%s is a text without control characters", p.Name)
	}
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, value) {
		return p.normalizeEnum(value)
	}
	return value, nil
}
