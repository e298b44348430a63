package executor

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScrub(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"\r\n \r\n", ""},
		{"a\r\n\r\nb\tc \r\n", "a\nb c"},
		{"\x1b[0;32m  OK  \x1b[0m Started \x1b]0;title\x07ssh\x1b[2J\x1b(B.", "  OK   Started ssh(B."},
		{"bell\x07 back\b nul\x00 bad\xff \u202eturn", "bell back nul bad? turn"},
	} {
		if got := scrub(test.in); got != test.want {
			t.Errorf("scrub(%q) = %q, want %q", test.in, got, test.want)
		}
	}
	long := scrub(strings.Repeat("ä", 2000) + "\nlast")
	if len(long) > consoleBytes || !utf8.ValidString(long) || !strings.HasSuffix(long, "\nlast") {
		t.Errorf("%d bytes, valid %v", len(long), utf8.ValidString(long))
	}
	if lines := strings.Count(scrub(strings.Repeat("x\n", 99)), "\n") + 1; lines != consoleLines {
		t.Errorf("%d lines", lines)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("a\x1b[1mb\n")
	f.Fuzz(func(t *testing.T, text string) {
		got := scrub(text)
		if len(got) > consoleBytes || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("scrub(%q) = %q", text, got)
		}
	})
}
