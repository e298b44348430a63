package mysqlfamily

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// scan reads one quoted token as the server does and returns its value and what follows it.
func scan(text string, quote byte, escapes bool) (value, rest string, ok bool) {
	if text == "" || text[0] != quote {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case escapes && c == '\\' && i+1 < len(text):
			i++
			if text[i] == '0' {
				b.WriteByte(0)
			} else {
				b.WriteByte(text[i])
			}
		case c == quote && i+1 < len(text) && text[i+1] == quote:
			i++
			b.WriteByte(quote)
		case c == quote:
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

var hostile = []string{"", "a", "'", "''", "`", "``", `\`, `\'`, `'\`, "\x00", "\\\x00", "a'b`c\\d\"e", "'; DROP USER x; -- ", "%_\\%", "ü数😀", "\xff'", "\n"}

func FuzzQuoting(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if value, rest, ok := scan(Literal(text)+"@x", '\'', true); !ok || value != text || rest != "@x" {
			t.Errorf("the literal %s reads back as %q, then %q", Literal(text), value, rest)
		}
		if value, rest, ok := scan(Identifier(text)+".*", '`', false); !ok || value != text || rest != ".*" {
			t.Errorf("the identifier %s reads back as %q, then %q", Identifier(text), value, rest)
		}
		if name, exact := FromPattern(Pattern(text)); !exact || name != text {
			t.Errorf("the pattern %s reads back as %q, %v", Pattern(text), name, exact)
		}
	})
}

func TestPatternsWithWildcardsAreNoNames(t *testing.T) {
	for pattern, exact := range map[string]bool{`a_b`: false, `a\_b`: true, `a%`: false, `a\%`: true, `a\\_`: false, `ab`: true, `%`: false} {
		if _, got := FromPattern(pattern); got != exact {
			t.Errorf("%s: exact is %v", pattern, got)
		}
	}
}

func FuzzOptions(f *testing.F) {
	for _, text := range append(hostile, ` "x" `, `# no comment`, `a = b`, `[section]`, `\"`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return // the catalog refuses them
		}
		want := map[string]string{"init_connect": text, "max_connections": "5"}
		got, err := ParseOptions(FormatOptions("mysqld", want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("options (-want +got):\n%s", diff)
		}
	})
}

func TestParseOptionsRefusesWhatIsNotOurs(t *testing.T) {
	for _, text := range []string{"max_connections=5\n", "skip_networking\n", "a = b\n", "a = \"\n"} {
		if got, err := ParseOptions([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
