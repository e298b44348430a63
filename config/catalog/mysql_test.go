package catalog

import (
	"strings"
	"testing"
)

// The table is written by hand: each default is a value that the parameter takes, in canonical text.
func TestMySQLParameters(t *testing.T) {
	for _, manager := range []string{"mysql", "percona"} {
		e, ok := Lookup(manager)
		if !ok || e.Note == "" {
			t.Fatalf("%s is missing, or does not say that its table is written by hand", manager)
		}
		for _, version := range e.VersionNames() {
			v, _ := e.Version(version)
			for name, p := range v.Parameters {
				if p.Name != name || p.Refused == "" && !p.Dynamic && p.Type == TypeString {
					t.Errorf("%s %s: %s is %+v", manager, version, name, p)
				}
				if p.Default == "" {
					continue
				}
				if got, err := p.Normalize(p.Default); err != nil || got != p.Default {
					t.Errorf("%s %s: the default of %s is %q in canonical text, not %q: %v", manager, version, name, got, p.Default, err)
				}
			}
		}
	}
}

func TestMySQLVerifier(t *testing.T) {
	e, _ := Lookup("mysql")
	verifier := e.Verifier("secret", []byte("of one account"))
	if err := e.CheckVerifier(verifier); err != nil {
		t.Error(err)
	}
	if verifier != e.Verifier("secret", []byte("of one account")) || verifier == e.Verifier("secret", []byte("of another")) ||
		verifier == e.Verifier("Secret", []byte("of one account")) {
		t.Error("equal input does not give equal text, or other input does not give another")
	}
	if e.Verifier("", nil) != "" {
		t.Error("an empty password has a verifier")
	}
	for _, bad := range []string{
		"", "secret", "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", verifier + "x", verifier[:69], strings.Replace(verifier, "$A$005$", "$A$006$", 1),
		verifier[:69] + "'", verifier[:7] + "$" + verifier[8:], verifier[:7] + "\x00" + verifier[8:],
	} {
		if err := e.CheckVerifier(bad); err == nil {
			t.Errorf("%q passes", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error tells the verifier: %v", err)
		}
	}
}
