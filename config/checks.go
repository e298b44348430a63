package config

import (
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// checkAll looks for resources that would be one and the same thing.
func (r *reader) checkAll() {
	names := map[string]*resource.Resource{}
	for _, res := range r.set.Sorted() {
		key := uniqueness(res)
		if key == "" {
			continue
		}
		first, taken := names[key]
		if !taken {
			names[key] = res
			continue
		}
		at, firstAt := res.At("name"), first.At("name")
		where := ""
		if firstAt != nil {
			where = ", at " + firstAt.String()
		}
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "Declared twice", Address: res.Address.String(), Subject: at,
			Detail: fmt.Sprintf("%s and %s are both %s%s.", first.Address, res.Address, r.called(res), where),
			Hint:   "Remove one of the two, or give it another name.",
		})
	}
}

// uniqueness is equal for what must not exist twice: cloud names, databases of an instance, accounts of an instance.
func uniqueness(res *resource.Resource) string {
	switch body := res.Body.(type) {
	case *resource.Instance:
		return joined("instance", body.Provider, body.Region, body.Name)
	case *resource.Database:
		return joined("database", body.Instance.String(), body.Name)
	case *resource.User:
		return joined("user", body.Instance.String(), body.Name, body.Host)
	default:
		return ""
	}
}

// called is what a resource is, in words.
func (r *reader) called(res *resource.Resource) string {
	switch body := res.Body.(type) {
	case *resource.Instance:
		return fmt.Sprintf("named %q in the cloud", body.Name)
	case *resource.Database:
		return fmt.Sprintf("the database %q of %s", body.Name, body.Instance)
	case *resource.User:
		account := body.Name
		if r.hasHosts(body.Instance) {
			account += "@" + body.Host
		}
		return fmt.Sprintf("the user %q of %s", account, body.Instance)
	default:
		return ""
	}
}

func (r *reader) hasHosts(instance resource.Address) bool {
	res := r.set.Resources[instance]
	if res == nil {
		return false
	}
	inst, ok := res.Body.(*resource.Instance)
	if !ok {
		return false
	}
	engine, known := catalog.Lookup(inst.Manager)
	return known && engine.HasUserHosts
}

func joined(parts ...string) string { return strings.Join(parts, "\x00") }
