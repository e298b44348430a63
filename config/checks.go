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
		key, what, path := r.uniqueness(res)
		if key == "" {
			continue
		}
		first, taken := names[key]
		if !taken {
			names[key] = res
			continue
		}
		at, firstAt := res.At(path), first.At(path)
		where := ""
		if firstAt != nil {
			where = ", at " + firstAt.String()
		}
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "Declared twice", Address: res.Address.String(), Subject: at,
			Detail: fmt.Sprintf("%s and %s are both %s%s.", first.Address, res.Address, what, where),
			Hint:   "Remove one of the two, or give it another name.",
		})
	}
}

// uniqueness says what must not exist twice: cloud names, databases of an instance, accounts of an instance.
func (r *reader) uniqueness(res *resource.Resource) (key, what, path string) {
	switch body := res.Body.(type) {
	case *resource.Instance:
		return key3("instance", body.Provider, body.Region, body.Name), fmt.Sprintf("named %q in the cloud", body.Name), "name"
	case *resource.Database:
		return key3("database", body.Instance.String(), body.Name), fmt.Sprintf("the database %q of %s", body.Name, body.Instance), "name"
	case *resource.User:
		account := body.Name
		if r.hasHosts(body.Instance) {
			account += "@" + body.Host
		}
		return key3("user", body.Instance.String(), body.Name+"\x00"+body.Host), fmt.Sprintf("the user %q of %s", account, body.Instance), "name"
	default:
		return "", "", ""
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

func key3(parts ...string) string { return strings.Join(parts, "\x00") }
