package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// NormalizeEncoding returns the server's spelling of the encoding of a database: utf-8 is UTF8. Empty is the server's
// default. Its error says what there is.
func (e *Engine) NormalizeEncoding(version, encoding string) (string, error) {
	v, ok := e.Version(version)
	switch {
	case !ok:
		return "", e.unknownVersion(version)
	case encoding == "":
		return "", nil
	case len(v.Encodings) == 0:
		return "", fmt.Errorf("%s has no encodings of databases", e.Name)
	}
	for _, known := range v.Encodings {
		if plainEncoding(known) == plainEncoding(encoding) {
			return known, nil
		}
	}
	return "", fmt.Errorf("%s %s has no encoding %q%s; it has %s", e.Name, version, encoding, didYouMean(encoding, v.Encodings), strings.Join(v.Encodings, ", "))
}

// plainEncoding is how the server compares: letters and digits, whatever their case.
func plainEncoding(name string) string {
	return strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// refusedExtensions are those that no declaration installs.
var refusedExtensions = map[string]string{
	"adminpack": "it writes files of the guest", "file_fdw": "it reads files of the guest",
	"plperlu": "it runs programs in the guest", "plpython3u": "it runs programs in the guest", "pltclu": "it runs programs in the guest",
	"jsonb_plperlu": "it runs programs in the guest", "bool_plperlu": "it runs programs in the guest", "hstore_plperlu": "it runs programs in the guest",
	"jsonb_plpython3u": "it runs programs in the guest", "hstore_plpython3u": "it runs programs in the guest", "ltree_plpython3u": "it runs programs in the guest",
	"pg_surgery": "it breaks tables", "plpgsql": "every database has it",
}

// CheckExtension tells why an extension of this name may not be declared for a database; nil: it may. Whether the guest has
// it only the guest knows.
func (e *Engine) CheckExtension(name string) error {
	if !e.HasOwners {
		return fmt.Errorf("%s has no extensions of databases", e.Name)
	}
	if why, ok := refusedExtensions[name]; ok {
		return fmt.Errorf("the extension %s is not installed: %s", name, why)
	}
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
	if name == "" || len(name) > 63 || !plain || strings.Contains(name, "--") || strings.Trim(name, "-") != name {
		return fmt.Errorf("%q is no name of an extension: those are lower case letters, digits, _ and -", name)
	}
	return nil
}

// CheckRole tells why a user may not be given a role; nil: it may, if the server has it.
func (e *Engine) CheckRole(name string) error {
	if !e.HasRoles {
		return fmt.Errorf("%s has no roles", e.Name)
	}
	if why, ok := e.RefusedRoles[name]; ok {
		return fmt.Errorf("the role %s is not granted: %s", name, why)
	}
	if strings.HasPrefix(name, "pg_") && e.HasOwners {
		return nil
	}
	if err := e.names.userName(e, name); err != nil {
		return errors.New(strings.Replace(err.Error(), "a user name", "the name of a role", 1))
	}
	return nil
}
