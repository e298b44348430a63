package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// instanceCare is what is asked of the engine beside its settings: root, logs, TLS.
func (b *builder) instanceCare(i *resource.Instance) {
	engine, known := catalog.Lookup(i.Manager)
	b.instanceTLS(i)
	if !known {
		return
	}
	b.root(i, engine)
	for _, name := range b.f.list("logs") {
		if !slices.Contains(engine.Logs, name) {
			has := "none to enable"
			if len(engine.Logs) > 0 {
				has = strings.Join(engine.Logs, " and ")
			}
			b.fail("logs", "Invalid value", didYouMean(name, engine.Logs, ""), "%s has no log %q; beside the error log it has %s.", engine.Name, name, has)
			return
		}
	}
	i.Logs = slices.Compact(slices.Sorted(slices.Values(b.f.list("logs"))))
}

func (b *builder) root(i *resource.Instance, engine *catalog.Engine) {
	root := b.f.one("root")
	if root == nil {
		return
	}
	b.f.failed = b.f.failed || root.failed
	password := b.password(root, engine)
	switch {
	case !root.truth("enabled", true):
	case password == nil:
		b.failAt(root.at, "Missing argument", "Write password = var.NAME with a sensitive variable, or enabled = false.", "root is enabled with a password.")
	default:
		i.Root = password
	}
}

// dnsName is a host name of RFC 1123, or one with an asterisk for its first label.
var dnsName = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (b *builder) instanceTLS(i *resource.Instance) {
	tls := b.f.one("tls")
	if tls == nil {
		return
	}
	b.f.failed = b.f.failed || tls.failed
	i.TLS.Required = tls.truth("required", false)
	for _, name := range tls.list("names") {
		name = strings.ToLower(name)
		if address, err := netip.ParseAddr(name); err == nil && address.Zone() == "" {
			name = address.String()
		} else if len(name) > 253 || !dnsName.MatchString(name) || strings.Trim(name, "0123456789.") == "" {
			b.failAt(tls.place("names"), "Invalid name", "Write something like \"db.example.org\" or \"10.0.0.5\".", "%q is neither a DNS name nor an address.", name)
			continue
		}
		i.TLS.Names = append(i.TLS.Names, name)
	}
	slices.Sort(i.TLS.Names)
	i.TLS.Names = slices.Compact(i.TLS.Names)
}
