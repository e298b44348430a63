package diag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence is a text that begins with a capital and ends in a full stop; of nothing it makes nothing.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
