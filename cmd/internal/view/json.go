package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// encode writes JSON for machines, on one line: keys of maps sorted, and characters that a terminal could obey written
// as escapes, which reads as the same value.
func encode(v any) ([]byte, error) {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	return armour(raw.Bytes()), nil
}

// armour escapes the hidden characters that JSON allows in strings; they occur nowhere else.
func armour(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == '\n' || !hidden(r):
			out = append(out, data[i:i+size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}
