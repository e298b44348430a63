package observe

import (
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/resource"
)

// renewal is how long before its end a certificate is renewed: a third of the year that it is given.
const renewal = 365 * 24 * time.Hour / 3

// certificate says why the engine of an instance needs another certificate; empty: it needs none, or cannot have one.
func (l *look) certificate(m machine, asked inspected) string {
	if l.sources.CA == "" || asked.why != "" || asked.TLS == nil {
		return ""
	}
	if asked.TLS.Fingerprint == "" {
		return "missing"
	}
	if asked.TLS.CA != l.sources.CA {
		return "signed by another CA"
	}
	if end, ending := ends(asked, l.out.At); ending {
		return "ends " + end
	}
	body := m.body
	if wanted, ok := l.wantedBody(m.record.Address).(*resource.Instance); ok {
		body = wanted
	}
	var lacks []string
	for _, name := range body.CertificateNames(m.member.Address, m.member.FloatingAddress) {
		if !slices.Contains(asked.TLS.Names, name) {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		return "lacks " + strings.Join(lacks, ", ")
	}
	return ""
}

// ends is the day on which a certificate ends, where that is soon. What a guest tells may be no time at all: then it is.
func ends(asked inspected, now time.Time) (day string, soon bool) {
	if asked.TLS == nil || asked.TLS.NotAfter == "" {
		return "", false
	}
	end, err := time.Parse(time.RFC3339, asked.TLS.NotAfter)
	if err != nil {
		return "at an unknown time", true
	}
	return end.UTC().Format(time.DateOnly), end.Sub(now) < renewal
}
