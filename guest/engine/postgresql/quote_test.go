package postgresql

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
)

var hostile = []string{"", "a", "'", "''", `"`, `""`, `\`, `\'`, `'\`, "a'b\"c\\d$e$", "'; DROP ROLE x; -- ", "$$", "E'", "U&\"", "ü数😀", "\xff'", "/*", "--"}

// tokens cuts a statement as the server does: words, quoted names and texts with what they hold, and single signs.
func tokens(statement string) (out []string) {
	for i := 0; i < len(statement); {
		c := statement[i]
		switch {
		case c == '"' || c == '\'':
			var b strings.Builder
			b.WriteByte(c)
			for i++; i < len(statement) && (statement[i] != c || i+1 < len(statement) && statement[i+1] == c); i++ {
				if statement[i] == c {
					i++
				}
				b.WriteByte(statement[i])
			}
			i++
			out = append(out, b.String())
		case c == ' ' || c == '\n' || c == '\t':
			i++
		case c == '-' && strings.HasPrefix(statement[i:], "--"), c == '/' && strings.HasPrefix(statement[i:], "/*"), c == '$':
			return append(out, "COMMENT OR DOLLAR")
		case unicode.IsLetter(rune(c)) || c == '_':
			j := i
			for j < len(statement) && (unicode.IsLetter(rune(statement[j])) || statement[j] == '_') {
				j++
			}
			out = append(out, statement[i:j])
			i = j
		default:
			out = append(out, string(c))
			i++
		}
	}
	return out
}

// shape is a statement with a mark in the place of each name.
func shape(statements []string, mark map[string]string) [][]string {
	var out [][]string
	for _, statement := range statements {
		all := tokens(statement)
		for i, token := range all {
			if to, ok := mark[token]; ok {
				all[i] = to
			}
		}
		out = append(out, all)
	}
	return out
}

// FuzzStatements: no name changes the shape of a statement. Whatever the names are, the tokens are those of plain names.
func FuzzStatements(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text+"x")
	}
	made := func(user, database string) []string {
		u := guest.PutUser{Name: user, Authoritative: true, Rights: guest.Rights{Roles: []string{database}, RequireTLS: true}}
		w := world{database: object{kind: "database", name: database, owner: superuser, place: place{clause: "DATABASE " + identifier(database)}}, makers: []string{superuser, user + "2"}}
		known, _ := catalog.Lookup(Name)
		asked, err := w.asked(known, user, []guest.Grant{{Database: database, Privileges: []string{"SELECT", "TEMPORARY"}}})
		if err != nil {
			panic(err)
		}
		w.explicit = map[string]map[fact]*held{user: {{place{clause: "SCHEMA s", schema: ""}, "USAGE"}: {grantors: []string{database}}}}
		out := append(memberships(&role{}, u), w.statements(user, asked, false)...)
		return append(out, "CREATE DATABASE "+identifier(database)+creation(guest.Database{Encoding: "UTF8", Collation: "C"}), "PASSWORD "+literal("text of "+user))
	}
	f.Fuzz(func(t *testing.T, user, database string) {
		// Names that the statements hold anyway are no users and no databases, and the two are told apart by their names.
		for _, name := range []string{user, user + "2", database} {
			if name == superuser || name == catalog.PostgreSQLTLSRole || strings.ContainsRune(name, 0) {
				return
			}
		}
		if user == database || user+"2" == database {
			return
		}
		want := shape(made("u", "d"), map[string]string{`"u`: "USER", `"u2`: "MAKER", `"d`: "DATABASE", `'text of u`: "TEXT"})
		got := shape(made(user, database), map[string]string{`"` + user: "USER", `"` + user + "2": "MAKER", `"` + database: "DATABASE", `'text of ` + user: "TEXT"})
		if !sameShapes(want, got) {
			t.Errorf("user %q, database %q:\n%q\nwant\n%q", user, database, got, want)
		}
	})
}

// sameShapes compares without regard to the order, which follows the names.
func sameShapes(a, b [][]string) bool {
	count := map[string]int{}
	for _, s := range a {
		count[strings.Join(s, "\x00")]++
	}
	for _, s := range b {
		count[strings.Join(s, "\x00")]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func FuzzOptions(f *testing.F) {
	for _, text := range append(hostile, ` 'x' `, `# no comment`, `a = b`, `include 'x'`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return // the catalog refuses them
		}
		want := map[string]string{"search_path": text, "max_connections": "5"}
		got, err := parseOptions(formatOptions(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("options (-want +got):\n%s", diff)
		}
	})
}

func TestParseOptionsRefusesWhatIsNotOurs(t *testing.T) {
	for _, text := range []string{"max_connections=5\n", "fsync\n", "a = b\n", "a = '\n", "a = 'b\n", "a = 'b'c'\n", "a = 'b\\'\n", "include 'x'\n"} {
		if got, err := parseOptions([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
