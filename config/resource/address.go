// Package resource holds the nouns of the language: addresses, the five kinds and their arguments, what names what, and
// what a change of each argument forces.
package resource

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Key tells the instances of one block apart: none, a number (count) or a string (for_each). It is comparable.
type Key struct {
	form  keyForm
	index int
	text  string
}

type keyForm uint8

const (
	formNone keyForm = iota
	formIndex
	formText
)

// NoKey is the key of a block without count and for_each.
var NoKey = Key{}

// IndexKey is the key of one of count.
func IndexKey(i int) Key { return Key{form: formIndex, index: i} }

// TextKey is the key of one of for_each.
func TextKey(s string) Key { return Key{form: formText, text: s} }

// IsIndex tells whether the key is a number, and which.
func (k Key) IsIndex() (int, bool) { return k.index, k.form == formIndex }

// IsText tells whether the key is a string, and which.
func (k Key) IsText() (string, bool) { return k.text, k.form == formText }

// String is "", "[0]" or `["key"]`, as the language writes it.
func (k Key) String() string {
	switch k.form {
	case formIndex:
		return "[" + strconv.Itoa(k.index) + "]"
	case formText:
		return `["` + quoteKey(k.text) + `"]`
	default:
		return ""
	}
}

// Plain is the key without brackets and quotes, for names.
func (k Key) Plain() string {
	if k.form == formIndex {
		return strconv.Itoa(k.index)
	}
	return k.text
}

func quoteKey(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Address names one resource: kind.name, kind.name[0] or kind.name["key"]. It is comparable and never used to find
// anything in a cloud.
type Address struct {
	Kind Kind
	Name string
	Key  Key
}

// String writes the address as ParseAddress reads it. The zero address is "".
func (a Address) String() string {
	if a == (Address{}) {
		return ""
	}
	return string(a.Kind) + "." + a.Name + a.Key.String()
}

// Block is the address without its key.
func (a Address) Block() Address { return Address{Kind: a.Kind, Name: a.Name} }

// IsZero tells whether the address names nothing.
func (a Address) IsZero() bool { return a == Address{} }

// Compare orders addresses by kind, name and key, numbers before strings.
func (a Address) Compare(b Address) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Key.form, b.Key.form), cmp.Compare(a.Key.index, b.Key.index), cmp.Compare(a.Key.text, b.Key.text),
	)
}

// MarshalText writes the address as text, so that it may be a JSON key.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Address) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAddress reads an address. Errors say what is wrong with it.
func ParseAddress(s string) (Address, error) {
	if !utf8.ValidString(s) {
		return Address{}, fmt.Errorf("address is not valid UTF-8")
	}
	kind, rest, ok := strings.Cut(s, ".")
	if !ok {
		return Address{}, fmt.Errorf("address %q: want KIND.NAME, KIND.NAME[0] or KIND.NAME[\"key\"]", s)
	}
	if !Kind(kind).Known() {
		return Address{}, fmt.Errorf("address %q: there is no kind %q (there are %s)", s, kind, kindList())
	}
	name, key := rest, ""
	if i := strings.IndexByte(rest, '['); i >= 0 {
		name, key = rest[:i], rest[i:]
	}
	if !validName(name) {
		return Address{}, fmt.Errorf("address %q: %q is not a name", s, name)
	}
	k, err := parseKey(key)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", s, err)
	}
	return Address{Kind: Kind(kind), Name: name, Key: k}, nil
}

func parseKey(s string) (Key, error) {
	if s == "" {
		return NoKey, nil
	}
	if !strings.HasSuffix(s, "]") {
		return Key{}, fmt.Errorf("the key does not end in ]")
	}
	inner := s[1 : len(s)-1]
	if strings.HasPrefix(inner, `"`) {
		return parseTextKey(inner)
	}
	i, err := strconv.Atoi(inner)
	if err != nil || i < 0 || strconv.Itoa(i) != inner {
		return Key{}, fmt.Errorf("the key %s is neither a number nor a quoted string", inner)
	}
	return IndexKey(i), nil
}

func parseTextKey(quoted string) (Key, error) {
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return Key{}, fmt.Errorf("the key %s is not a quoted string", quoted)
	}
	if `"`+quoteKey(text)+`"` != quoted {
		return Key{}, fmt.Errorf("the key %s is not in its plain form %q", quoted, `"`+quoteKey(text)+`"`)
	}
	return TextKey(text), nil
}

func validName(s string) bool {
	for i, r := range s {
		letter := r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !letter && (i == 0 || (r != '-' && (r < '0' || r > '9'))) {
			return false
		}
	}
	return s != ""
}
