package image

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// mirror is where an image is installed from: what the caller names, or what this machine's own apt uses; "" is none.
func (b *build) mirror() string { return cmp.Or(b.Mirror, hostMirror("/etc/apt")) }

// sources are the lines of apt that an image is installed from. The security archive is beside the mirror, as everywhere
// that mirrors both: .../debian and .../debian-security.
func sources(mirror, release string) []string {
	mirror = strings.TrimSuffix(mirror, "/")
	line := func(archive, suite string) string {
		return "deb [signed-by=" + keyring + "] " + archive + " " + suite + " main"
	}
	return []string{
		line(mirror, release), line(mirror, release+"-updates"),
		line(mirror+"-security", release+"-security"),
	}
}

// withoutCredentials is what an image may remember of a mirror.
func withoutCredentials(mirror string) string {
	u, err := url.Parse(mirror)
	if err != nil {
		return "" // nothing was installed from it either
	}
	u.User = nil
	return u.String()
}

// hostMirror is the first archive of Debian that a machine's own apt uses; "" where there is none.
func hostMirror(etc string) string {
	var files []string
	for _, pattern := range []string{"sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"} {
		found, _ := filepath.Glob(filepath.Join(etc, pattern)) // the patterns are well-formed
		files = append(files, found...)
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			for _, word := range strings.Fields(line) {
				if u, err := url.Parse(strings.TrimSuffix(word, "/")); err == nil && u.Host != "" && strings.HasSuffix(u.Path, "/debian") {
					return u.String()
				}
			}
		}
	}
	return ""
}
