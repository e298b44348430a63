package config

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// engineOf is the engine of an instance, or nil when the instance is broken.
func (b *builder) engineOf(inst *resource.Instance, ok bool) *catalog.Engine {
	if !ok {
		return nil
	}
	engine, known := catalog.Lookup(inst.Manager)
	if !known {
		return nil
	}
	return engine
}

func (b *builder) user() resource.Body {
	f := b.f
	u := &resource.User{Name: b.named(b.defaultName()), Host: f.text("host")}
	inst, addr, ok := lookup[*resource.Instance](b, "instance")
	u.Instance = addr
	engine := b.engineOf(inst, ok)
	u.Password = b.password(f, engine)
	b.grantsMode(u)
	if engine == nil {
		return u
	}
	if err := engine.CheckUserName(u.Name); err != nil {
		b.fail("name", "Invalid name of a user", "", "%s.", err)
	}
	b.host(u, engine)
	b.lacks(engine)
	b.grants(u, engine)
	b.roles(u, engine)
	b.acl(u, engine)
	u.ConnectionLimit = b.r.whole(f, "connection_limit", 1, maxConnections, 0)
	u.RequireTLS = f.truth("require_tls", false)
	return u
}

// maxConnections is what the engines' own limits of connections hold.
const maxConnections = 1<<31 - 1

// lacks reports the arguments that say what users of other engines may.
func (b *builder) lacks(engine *catalog.Engine) {
	const useGrant, useACL = "Write grant blocks.", "Say what it may in acl, such as acl = [\"~shop:*\", \"+@read\"]."
	instead := useGrant
	if engine.HasACL {
		instead = useACL
	}
	for _, a := range []struct {
		name, what string
		has        bool
	}{
		{"databases", "grants", engine.HasGrants},
		{"grants", "grants", engine.HasGrants},
		{"roles", "roles", engine.HasRoles},
		{"acl", "ACL rules", engine.HasACL},
		{"connection_limit", "connection limits of their own", engine.HasGrants},
		{"require_tls", "rule on TLS of their own", engine.HasGrants},
	} {
		if _, given := b.f.args[a.name]; !given || a.has {
			continue
		}
		hint := "Remove it."
		switch a.name {
		case "databases", "roles", "acl":
			hint = instead
		case "require_tls":
			hint = "Write tls { required = true } in the instance: then all clients must."
		}
		b.fail(a.name, "Not of this engine", hint, "Users of %s have no %s.", engine.Name, a.what)
	}
	if grants := b.f.blocks["grant"]; len(grants) > 0 && !engine.HasGrants {
		b.failAt(grants[0].at, "Not of this engine", instead, "Users of %s have no grants.", engine.Name)
	}
}

// acl is canonical also where the user says nothing: then it may do nothing.
func (b *builder) acl(u *resource.User, engine *catalog.Engine) {
	if !engine.HasACL {
		return
	}
	for _, rule := range b.f.list("acl") {
		if strings.HasPrefix(rule, ">") || strings.HasPrefix(rule, "<") { // a password in clear, which is refused
			b.r.remember(cty.StringVal(rule[1:]))
			b.r.mask(b.f.args["acl"].attr)
		}
	}
	canonical, err := engine.CanonicalACL(b.f.list("acl"))
	if err != nil {
		b.fail("acl", "Invalid ACL rules", "", "%s.", err)
		return
	}
	u.ACL = canonical
}

func (b *builder) host(u *resource.User, engine *catalog.Engine) {
	if !engine.HasUserHosts {
		if u.Host != "" {
			b.fail("host", "No hosts", "Remove it.", "Users of %s have no hosts.", engine.Name)
		}
		return
	}
	if b.f.has("host") && u.Host == "" {
		b.fail("host", "Empty value", "Write \"%\" for everywhere.", "host is empty.")
		return
	}
	if u.Host != "" {
		if err := engine.CheckHost(u.Host); err != nil {
			b.fail("host", "Invalid host of a user", "", "%s.", err)
			return
		}
	}
	if u.Host = engine.NormalizeHost(u.Host); u.Host == "" {
		u.Host = "%"
	}
	if got, given := b.f.args["host"]; !given || !got.failed {
		b.overrides["host"] = cty.StringVal(u.Host)
	}
}

func (b *builder) grantsMode(u *resource.User) {
	switch mode := b.f.text("grants"); {
	case !b.f.has("grants") || mode == "authoritative":
	case mode == "additive":
		u.Additive = true
	default:
		b.fail("grants", "Invalid value", didYouMean(mode, []string{"additive", "authoritative"}, ""), "grants is \"additive\" or \"authoritative\", not %q.", mode)
	}
}

// password reads what stands for the password. A secret that nobody supplied is one that is declared and empty.
func (b *builder) password(f *form, engine *catalog.Engine) *resource.Password {
	word, hasWord := f.args["password"]
	hash, hasHash := f.args["password_hash"]
	switch {
	case hasWord && hasHash:
		b.failAt(hash.at, "password and password_hash together", "Remove one of the two.", "A user has one password.")
		return &resource.Password{}
	case hasWord:
		return &resource.Password{Secret: b.secret("password", word)}
	case hasHash:
		verifier := b.secret("password_hash", hash)
		if engine != nil && !verifier.IsZero() {
			if err := engine.CheckVerifier(verifier.Reveal()); err != nil {
				b.failAt(hash.at, "Invalid password hash", "", "%s.", err)
			}
		}
		return &resource.Password{Verifier: verifier}
	}
	return nil
}

func (b *builder) secret(name string, got filled) resource.Secret {
	if got.absent || got.failed {
		return resource.Secret{}
	}
	text := got.value.AsString()
	if text == "" {
		b.failAt(got.at, "Empty password", "Leave the argument out to leave the password unmanaged.", "%s is empty.", name)
		return resource.Secret{}
	}
	b.r.remember(got.value)
	b.r.mask(got.attr)
	if !got.hidden && name == "password" {
		code, detail := "password-not-sensitive", "The password comes from a value that is not sensitive."
		if len(got.attr.Expr.Variables()) == 0 {
			code, detail = "password-literal", "The password stands in the configuration, where everyone who reads the repository reads it."
		}
		b.r.warn(code, got.at, "Password in the open", "Use a variable with `sensitive = true`, given by "+variablePrefix+"NAME.", "%s", detail)
	}
	return resource.NewSecret(text)
}
