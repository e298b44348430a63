package config

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	got, list := Format("x.trove.hcl", []byte("locals{\na=1\n  bcd =   2\n}\n"))
	if len(list) > 0 || string(got) != "locals {\n  a   = 1\n  bcd = 2\n}\n" {
		t.Errorf("formatted: %s %s", got, showList(list))
	}
	broken := []byte("locals {\n")
	got, list = Format("x.trove.hcl", broken)
	if !bytes.Equal(got, broken) || !list.HasErrors() || list[0].Subject.Filename != "x.trove.hcl" {
		t.Errorf("a broken file stays as it is: %s %s", got, showList(list))
	}
}

// TestFormatTwice: formatting what is formatted changes nothing.
func TestFormatTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOf(rapid.SampledFrom([]string{
			"locals {\n", "}\n", "a=1\n", "bb  =   [1,\n2]\n", "# c\n", "\n", "x \"y\" {\n", `t = "${ a }"` + "\n", "  ", "z = <<E\nE\n",
		})).Draw(t, "source")
		once, list := Format("f", []byte(strings.Join(src, "")))
		if list.HasErrors() {
			return
		}
		twice, list := Format("f", once)
		if list.HasErrors() || !bytes.Equal(once, twice) {
			t.Fatalf("once:\n%s\ntwice:\n%s", once, twice)
		}
	})
}
