package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// aclTable knows what the rules on commands mean: which commands there are, and which a category holds.
type aclTable struct {
	commands   map[string]bool // "get", "client", "client|kill"
	subs       map[string][]string
	categories map[string][]string // a container brings its subcommands
	reserved   map[string]bool     // commands that nobody is given, with their subcommands
}

func newACLTable(commands map[string]string) *aclTable {
	t := &aclTable{commands: map[string]bool{}, subs: map[string][]string{}, categories: map[string][]string{}, reserved: map[string]bool{}}
	for name := range commands {
		t.commands[name] = true
		if container, _, ok := strings.Cut(name, "|"); ok {
			t.subs[container] = append(t.subs[container], name)
		}
	}
	for name, categories := range commands {
		for category := range strings.FieldsSeq(categories) {
			t.categories[category] = append(t.categories[category], t.with(name)...)
		}
	}
	for category, names := range t.categories {
		slices.Sort(names)
		t.categories[category] = slices.Compact(names)
	}
	for name := range redisReserved {
		for _, n := range t.with(name) {
			t.reserved[n] = true
		}
	}
	return t
}

// with is a command and its subcommands.
func (t *aclTable) with(name string) []string { return append([]string{name}, t.subs[name]...) }

// reservedWhy tells why a command is given to nobody; empty: it is given. Parts of a reserved command are reserved too.
func reservedWhy(command string) string {
	container, _, _ := strings.Cut(command, "|")
	if why := redisReserved[container]; why != "" {
		return why
	}
	return redisReserved[command]
}

// aclSelector is one set of permissions. What it allows, it allows on its own keys and channels only.
type aclSelector struct {
	keys     map[string]string // pattern to "R", "W" or "RW"
	channels map[string]bool
	future   bool            // all commands, those of later versions included, less what follows
	allowed  map[string]bool // of the table's commands
	others   map[string]bool // commands that the table does not know
}

func newSelector() *aclSelector {
	return &aclSelector{keys: map[string]string{}, channels: map[string]bool{}, allowed: map[string]bool{}, others: map[string]bool{}}
}

// acl is everything that the rules of one account say.
type acl struct {
	root      *aclSelector
	selectors []*aclSelector
	foreign   []string // what only a server says
}

func (t *aclTable) canonicalACL(rules []string) ([]string, error) {
	a := acl{root: newSelector()}
	for _, rule := range rules {
		if err := t.declared(rule); err != nil {
			return nil, err
		}
		if err := t.apply(&a, rule); err != nil {
			return nil, err
		}
	}
	for _, s := range append(a.selectors, a.root) {
		set(s.allowed, false, slices.Collect(maps.Keys(t.reserved))...)
	}
	return t.describe(a), nil
}

func (t *aclTable) storedACL(rules []string) []string {
	a := acl{root: newSelector()}
	for _, rule := range rules {
		if rule == "on" || rule == "sanitize-payload" {
			continue
		}
		if err := t.apply(&a, rule); err != nil {
			a.foreign = append(a.foreign, rule)
		}
	}
	return t.describe(a)
}

func (t *aclTable) serverACL(canonical []string) []string {
	var root, selectors []string
	for _, rule := range canonical {
		if body, ok := strings.CutPrefix(rule, "("); ok {
			inner := guarded(strings.Fields(strings.TrimSuffix(body, ")")))
			selectors = append(selectors, "("+strings.Join(inner, " ")+")")
		} else {
			root = append(root, rule)
		}
	}
	return append(guarded(root), selectors...)
}

func guarded(rules []string) []string {
	if slices.ContainsFunc(rules, func(r string) bool { return r[0] == '+' }) {
		return slices.Concat(rules, redisGuard())
	}
	return rules
}

// declared tells why a rule that the server knows cannot be declared.
func (t *aclTable) declared(rule string) error {
	const account = "the account's password is said by password or password_hash"
	lower := strings.ToLower(rule)
	refused := map[string]string{
		"on": "a declared account is on", "off": "remove the user to lock it out", "nopass": "everybody could log in", "resetpass": account,
		"reset":                 "acl says everything that the account may, so there is nothing to reset",
		"skip-sanitize-payload": "a damaged value that RESTORE takes unexamined can end the server",
	}
	why := refused[lower]
	switch {
	case rule == "":
		return errors.New("an ACL rule may not be empty")
	case strings.ContainsRune("><#!", rune(rule[0])):
		// The rule may hold a password in clear: the error must not.
		return fmt.Errorf("an ACL rule may not begin with %q: %s", rule[0], account)
	case lower == "sanitize-payload":
		return fmt.Errorf("the ACL rule %q changes nothing: leave it out", rule)
	case why != "":
		return fmt.Errorf("the ACL rule %q is refused: %s", rule, why)
	case rule[0] == '(':
		for _, inner := range strings.Fields(strings.Trim(rule, "()")) {
			if err := t.declared(inner); err != nil {
				return err
			}
		}
	case rule[0] == '+':
		if why := reservedWhy(lower[1:]); why != "" {
			return fmt.Errorf("the ACL rule %q is refused: %s", rule, why)
		}
	}
	return nil
}

func (t *aclTable) apply(a *acl, rule string) error {
	if strings.EqualFold(rule, "clearselectors") {
		a.selectors = nil
		return nil
	}
	if !strings.HasPrefix(rule, "(") {
		return t.applyTo(a.root, rule)
	}
	body, closed := strings.CutSuffix(rule[1:], ")")
	if !closed || strings.ContainsAny(body, "()") {
		return fmt.Errorf("the ACL selector %q is not of the form (RULE RULE ...)", rule)
	}
	s := newSelector()
	for inner := range strings.FieldsSeq(body) {
		if err := t.applyTo(s, inner); err != nil {
			return err
		}
	}
	a.selectors = append(a.selectors, s)
	return nil
}

func (t *aclTable) applyTo(s *aclSelector, rule string) error {
	if strings.ContainsFunc(rule, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return fmt.Errorf("the ACL rule %q may not contain spaces or control characters: each rule is a text of its own", rule)
	}
	switch lower := strings.ToLower(rule); {
	case lower == "allkeys":
		s.keys["*"] = "RW"
	case lower == "resetkeys":
		clear(s.keys)
	case lower == "allchannels":
		s.channels["*"] = true
	case lower == "resetchannels":
		clear(s.channels)
	case lower == "allcommands":
		t.all(s, true)
	case lower == "nocommands":
		t.all(s, false)
	case rule[0] == '~' || rule[0] == '%':
		return s.key(rule)
	case rule[0] == '&' && len(rule) > 1:
		s.channels[rule[1:]] = true
	case rule[0] == '+' || rule[0] == '-':
		return t.command(s, lower)
	default:
		return fmt.Errorf("%q is no ACL rule: they begin with ~ or %% (keys), & (channels), + or - (commands), ( (a selector)", rule)
	}
	return nil
}

// key reads ~PATTERN, %R~PATTERN, %W~PATTERN or %RW~PATTERN.
func (s *aclSelector) key(rule string) error {
	access, pattern, ok := strings.Cut(rule, "~")
	letters := strings.ToUpper(strings.TrimPrefix(access, "%"))
	if !ok || pattern == "" || access != "" && (letters == "" || strings.Trim(letters, "RW") != "") {
		return fmt.Errorf("the ACL rule %q is not of the form ~PATTERN, %%R~PATTERN or %%W~PATTERN", rule)
	}
	letters += s.keys[pattern]
	switch {
	case access == "" || strings.Contains(letters, "R") && strings.Contains(letters, "W"):
		s.keys[pattern] = "RW"
	default:
		s.keys[pattern] = letters[:1]
	}
	return nil
}

func (t *aclTable) all(s *aclSelector, allow bool) {
	clear(s.others)
	clear(s.allowed)
	if s.future = allow; allow {
		s.allowed = maps.Clone(t.commands)
	}
}

// command reads +NAME, -NAME, +CONTAINER|NAME, +@CATEGORY, in lower case.
func (t *aclTable) command(s *aclSelector, rule string) error {
	allow, name := rule[0] == '+', rule[1:]
	category, isCategory := strings.CutPrefix(name, "@")
	switch {
	case category == "all" && isCategory:
		t.all(s, allow)
	case isCategory:
		names, ok := t.categories[category]
		if !ok {
			return fmt.Errorf("%q is no category of commands%s", category, didYouMean(category, slices.Collect(maps.Keys(t.categories))))
		}
		set(s.allowed, allow, names...)
	case t.commands[name]:
		set(s.allowed, allow, t.with(name)...)
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-|") != "" || strings.Trim(name, "|") != name || name == "":
		return fmt.Errorf("the ACL rule %q names no command", rule)
	default:
		if container, _, ok := strings.Cut(name, "|"); ok && t.commands[container] && len(t.subs[container]) == 0 {
			return fmt.Errorf("the ACL rule %q names no command: %s has no subcommands", rule, container)
		}
		s.others[name] = allow
	}
	return nil
}

func set(in map[string]bool, value bool, names ...string) {
	for _, name := range names {
		in[name] = value
	}
}
