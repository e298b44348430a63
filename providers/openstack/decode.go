package openstack

import (
	"bytes"
	"encoding/json"
	"time"
)

func decode(text []byte, out any) error { return json.NewDecoder(bytes.NewReader(text)).Decode(out) }

// views turns what a service sent into what we call it.
func views[A, B any](all []A, view func(A) B) []B {
	var out []B
	for _, object := range all {
		out = append(out, view(object))
	}
	return out
}

// instant writes a service's time as RFC 3339, "" when it is none. Cinder, and older services, leave the zone out and mean UTC.
func instant(text string) string {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC().Format(time.RFC3339)
		}
	}
	return ""
}
