package catalog

import (
	"strings"
	"testing"
)

// The first vectors are glibc's; the last is of a MySQL server's account, whose salt is longer.
func TestShaCrypt(t *testing.T) {
	for _, c := range []struct {
		password, salt string
		rounds         int
		want           string
	}{
		{"Hello world!", "saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"Hello world!", "saltstringsaltst", 10000, "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{strings.Repeat("ü", 40), "s", 5000, "VHORVmp6ja9ZBvtp/.bzBXr0e0wk5UHgxm70k4JIIz6"},
		{"hashcat", "\xF9\xCC\x98\xCE\x08\x89\x29\x24\xF5\x0A\x21\x3B\x6B\xC5\x71\xA2\xC1\x17\x78\xC5", 5000, "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"},
	} {
		if got := shaCrypt([]byte(c.password), []byte(c.salt), c.rounds); got != c.want {
			t.Errorf("%q with %q is %s, want %s", c.password, c.salt, got, c.want)
		}
	}
}
