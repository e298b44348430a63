package catalog

import (
	"fmt"
	"math/big"
	"strings"
)

// units are those that PostgreSQL knows, from the largest: sizes in bytes and times in microseconds.
var units = [2][]struct {
	name string
	of   int64
}{
	{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}},
	{{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1}},
}

// unitOf finds a unit in any case of letters, with the family that it belongs to. "8kB" is eight of one.
func unitOf(name string) (family int, size int64, ok bool) {
	count := int64(1)
	if digits := strings.TrimLeft(name, "0123456789"); digits != name {
		if _, err := fmt.Sscan(name[:len(name)-len(digits)], &count); err != nil {
			return 0, 0, false
		}
		name = digits
	}
	for family, all := range units {
		for _, u := range all {
			if strings.EqualFold(u.name, name) {
				return family, count * u.of, true
			}
		}
	}
	return 0, 0, false
}

// normalizeQuantity reads a number with an optional unit. A plain number counts in the parameter's own unit, and numbers
// below zero, which stand for something special, have none.
func (p Parameter) normalizeQuantity(value string) (string, error) {
	text := strings.TrimSpace(value)
	digits := strings.TrimLeft(text, "+-0123456789.")
	number, word := text[:len(text)-len(digits)], strings.TrimSpace(digits)
	family, base, known := unitOf(p.Unit)
	n, isNumber := new(big.Rat).SetString(number)
	size := base
	if word != "" {
		var same int
		var ok bool
		if same, size, ok = unitOf(word); !ok || same != family || word[0] >= '0' && word[0] <= '9' {
			isNumber = false
		}
	}
	if !known || !isNumber {
		return "", fmt.Errorf("%s is a number%s with a unit (%s; without one it counts in %s), not %q", p.Name, p.rangeText(), unitNames(family), p.Unit, value)
	}
	n.Mul(n, new(big.Rat).SetFrac64(size, 1))
	inBase := new(big.Rat).Quo(n, new(big.Rat).SetFrac64(base, 1))
	if p.Type == TypeInteger && !inBase.IsInt() {
		return "", fmt.Errorf("%s must be a multiple of %s: %s is not", p.Name, p.Unit, value)
	}
	float := new(big.Float).SetPrec(128).SetRat(inBase)
	if below, above := p.outside(float); below || above {
		return "", fmt.Errorf("%s must be a number%s in units of %s, not %s", p.Name, p.rangeText(), p.Unit, value)
	}
	if n.Sign() <= 0 {
		return plainNumber(inBase), nil
	}
	for _, u := range units[family] {
		if whole := new(big.Rat).Quo(n, new(big.Rat).SetFrac64(u.of, 1)); whole.IsInt() {
			return whole.Num().String() + u.name, nil
		}
	}
	smallest := units[family][len(units[family])-1]
	return plainNumber(n) + smallest.name, nil
}

func plainNumber(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	return strings.TrimRight(n.FloatString(9), "0")
}

func unitNames(family int) string {
	var names []string
	for _, u := range units[family] {
		names = append([]string{u.name}, names...)
	}
	return strings.Join(names, ", ")
}
