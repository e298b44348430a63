package catalog

import "fmt"

// CanonicalACL returns the canonical form of the ACL rules of an account: key patterns, channel patterns, commands,
// selectors, each sorted, commands in the fewest words the catalog finds. Rules that let the account do the same have the
// same form. Its error says which rule is refused and why. No category gives a reserved command, "+@all" included.
func (e *Engine) CanonicalACL(rules []string) ([]string, error) {
	if e.acls == nil {
		return nil, fmt.Errorf("%s has no ACL rules", e.Name)
	}
	return e.acls.canonicalACL(rules)
}

// StoredACL is the same form of the rules that a server lists, less passwords. What nobody could have declared stays
// visible in it: a switched off account, reserved commands.
func (e *Engine) StoredACL(rules []string) []string { return e.acls.storedACL(rules) }

// ServerACL are the rules to give to a server for a canonical list: it keeps reserved commands out.
func (e *Engine) ServerACL(canonical []string) []string { return e.acls.serverACL(canonical) }
