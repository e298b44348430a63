package resource

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func addresses() *rapid.Generator[Address] {
	return rapid.Custom(func(t *rapid.T) Address {
		key := NoKey
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 1:
			key = IndexKey(rapid.IntRange(0, 1<<40).Draw(t, "index"))
		case 2:
			key = TextKey(rapid.String().Draw(t, "key"))
		}
		return Address{
			Kind: rapid.SampledFrom(Kinds).Draw(t, "kind"), Name: rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_-]{0,20}`).Draw(t, "name"), Key: key,
		}
	})
}

// TestAddressRoundTrip: every address is written in one way, and read back as itself, also as a JSON key.
func TestAddressRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := addresses().Draw(t, "address")
		back, err := ParseAddress(a.String())
		if err != nil || back != a {
			t.Fatalf("%s is read as %s, %v", a, back, err)
		}
		data, err := json.Marshal(map[Address]int{a: 1})
		if err != nil {
			t.Fatal(err)
		}
		var m map[Address]int
		if err := json.Unmarshal(data, &m); err != nil || m[a] != 1 {
			t.Fatalf("%s is decoded as %v, %v", data, m, err)
		}
		if block := a.Block(); block.Key != NoKey || block.Kind != a.Kind || block.Name != a.Name {
			t.Fatalf("the block of %s is %s", a, block)
		}
	})
}

// TestAddressOrder: Compare is an order, and agrees with equality.
func TestAddressOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := addresses().Draw(t, "a"), addresses().Draw(t, "b"), addresses().Draw(t, "c")
		if a.Compare(b) != -b.Compare(a) || (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("%s and %s", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%s, %s, %s", a, b, c)
		}
	})
}

func TestAddressErrors(t *testing.T) {
	for text, want := range map[string]string{
		"instance":           "want KIND.NAME",
		"instances.a":        "no kind",
		"instance.":          "not a name",
		"instance.1a":        "not a name",
		"instance.a.b":       "not a name",
		"instance.a[":        "does not end",
		"instance.a[]":       "neither a number",
		"instance.a[-1]":     "neither a number",
		"instance.a[01]":     "neither a number",
		`instance.a["x]`:     "not a quoted",
		`instance.a["\x41"]`: "plain form",
		"instance.a\xff":     "UTF-8",
	} {
		_, err := ParseAddress(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	var zero Address
	if err := zero.UnmarshalText(nil); err != nil || !zero.IsZero() || zero.String() != "" {
		t.Errorf("the zero address: %q, %v", zero, err)
	}
}

func TestKeys(t *testing.T) {
	if i, ok := IndexKey(3).IsIndex(); !ok || i != 3 || IndexKey(3).Plain() != "3" || IndexKey(3).String() != "[3]" {
		t.Error("a number")
	}
	if s, ok := TextKey("3").IsText(); !ok || s != "3" || TextKey("3").Plain() != "3" || TextKey("3").String() != `["3"]` {
		t.Error("a text")
	}
	if IndexKey(3) == TextKey("3") || TextKey("") == NoKey {
		t.Error("keys of different forms are equal")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"instance.a", "user.b[0]", `database.c["x\"\\\n"]`, "x.y", "instance.a[1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err == nil && a.String() != text {
			t.Fatalf("%q is read as %q: two ways to write one address", text, a)
		}
		if err != nil && !utf8.ValidString(err.Error()) && utf8.ValidString(text) {
			t.Fatalf("%q: %q", text, err)
		}
	})
}
