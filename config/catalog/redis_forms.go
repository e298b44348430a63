package catalog

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// forms are the grammars of texts, by the name in Parameter.Form. Each returns the text as the server reports it.
var forms = map[string]func(p Parameter, value string) (string, error){
	"save points":     savePoints,
	"buffer limits":   bufferLimits,
	"keyspace events": keyspaceEvents,
	"percentiles":     percentiles,
	"size or percent": sizeOrPercent,
}

// NoSavePoints is the canonical text of save for "never", as the server's file has it.
const NoSavePoints = `""`

// savePoints are pairs of seconds and changes. Source: redis.conf, "SNAPSHOTTING".
func savePoints(p Parameter, value string) (string, error) {
	fields := strings.Fields(value)
	if len(fields) == 0 || value == NoSavePoints {
		return NoSavePoints, nil
	}
	refused := fmt.Errorf(`%s is a list of pairs of SECONDS and CHANGES ("3600 1 300 100") or empty for never, not %q`, p.Name, value)
	if len(fields)%2 != 0 {
		return "", refused
	}
	for i, field := range fields {
		n, err := strconv.ParseInt(field, 10, 32)
		if err != nil || n < int64(1-i%2) {
			return "", refused
		}
		fields[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(fields, " "), nil
}

// bufferLimits are CLASS HARD SOFT SECONDS for the classes of clients. A class that is not named keeps its default.
func bufferLimits(p Parameter, value string) (string, error) {
	classes := []string{"normal", "slave", "pubsub"}
	limits := map[string][]string{}
	for i, text := range []string{p.Default, value} {
		fields := strings.Fields(text)
		if i == 1 && (len(fields) == 0 || len(fields)%4 != 0) {
			return "", fmt.Errorf(`%s is a list of CLASS HARD SOFT SECONDS ("pubsub 32mb 8mb 60"), not %q`, p.Name, value)
		}
		for ; len(fields) >= 4; fields = fields[4:] {
			class := strings.ToLower(fields[0])
			if class == "replica" {
				class = "slave"
			}
			hard, okHard := redisSize(fields[1])
			soft, okSoft := redisSize(fields[2])
			seconds, err := strconv.ParseUint(fields[3], 10, 31)
			if !slices.Contains(classes, class) || !okHard || !okSoft || err != nil {
				return "", fmt.Errorf(`%s is a list of CLASS HARD SOFT SECONDS, where CLASS is normal, replica or pubsub; %q is none`,
					p.Name, strings.Join(fields[:4], " "))
			}
			if agent := big.NewInt(1 << 24); class == "normal" && (hard.Sign() > 0 && hard.Cmp(agent) < 0 || soft.Sign() > 0 && soft.Cmp(agent) < 0) {
				return "", fmt.Errorf("%s for the class normal must be 0 or at least 16mb, not %s %s: the agent is a client of that class", p.Name, fields[1], fields[2])
			}
			limits[class] = []string{class, hard.String(), soft.String(), strconv.FormatUint(seconds, 10)}
		}
	}
	var out []string
	for _, class := range classes {
		out = append(out, limits[class]...)
	}
	return strings.Join(out, " "), nil
}

// keyspaceEvents are letters. Source: redis.conf, "EVENT NOTIFICATION".
func keyspaceEvents(p Parameter, value string) (string, error) {
	const inA, letters = "g$lshzxetd", "g$lshzxetdnKEm"
	given := strings.ReplaceAll(strings.TrimSpace(value), "A", inA)
	if rest := strings.Trim(given, letters); rest != "" {
		return "", fmt.Errorf("%s is made of the letters %s and A (for %s); %q has others", p.Name, letters, inA, value)
	}
	var out strings.Builder
	for _, r := range letters {
		if strings.ContainsRune(given, r) {
			out.WriteRune(r)
		}
	}
	return strings.Replace(out.String(), inA, "A", 1), nil
}

func percentiles(p Parameter, value string) (string, error) {
	fields := strings.Fields(value)
	for i, field := range fields {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil || n < 0 || n > 100 || n != n {
			return "", fmt.Errorf(`%s is a list of numbers from 0 to 100 ("50 99 99.9"), not %q`, p.Name, value)
		}
		fields[i] = strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strings.Join(fields, " "), nil
}

func sizeOrPercent(p Parameter, value string) (string, error) {
	text := strings.TrimSpace(value)
	if number, ok := strings.CutSuffix(text, "%"); ok {
		if n, err := strconv.ParseUint(number, 10, 8); err == nil && n <= 100 {
			return strconv.FormatUint(n, 10) + "%", nil
		}
	} else if n, ok := redisSize(text); ok {
		return n.String(), nil
	}
	return "", fmt.Errorf("%s is a size in bytes (64mb) or a share of maxmemory (5%%), not %q", p.Name, value)
}

func (p Parameter) normalizeSize(value string) (string, error) {
	n, ok := redisSize(strings.TrimSpace(value))
	if !ok {
		return "", fmt.Errorf("%s is a size in bytes%s, not %q: k, m, g after it count in 1000, kb, mb, gb in 1024", p.Name, p.rangeText(), value)
	}
	if below, above := p.outside(new(big.Float).SetInt(n)); below || above {
		return "", fmt.Errorf("%s must be a size in bytes%s, not %s", p.Name, p.rangeText(), value)
	}
	return n.String(), nil
}

// redisSize reads a size as the server does.
func redisSize(text string) (*big.Int, bool) {
	digits := strings.TrimRight(strings.ToLower(text), "kmgb")
	factor, known := map[string]int64{
		"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000 * 1000, "mb": 1 << 20, "g": 1000 * 1000 * 1000, "gb": 1 << 30,
	}[strings.ToLower(text[len(digits):])]
	if !known || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok || n.Mul(n, big.NewInt(factor)).BitLen() > 63 {
		return nil, false
	}
	return n, true
}
