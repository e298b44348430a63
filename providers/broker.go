package providers

import (
	"context"
	"fmt"
	"slices"
)

// Broker is the management side of the message broker where trovectl and the guests meet: it keeps the accounts with which
// guests log in. Beside the contract of all services, which providertest checks:
//
//   - Put MAY be repeated: it makes what an account lacks and puts right what differs from the spec, and never changes the
//     password of a user that is there. A user or vhost of the spec's name that bears another mark is KindConflict and
//     stays as it is; a shared vhost that is not there is KindInvalid.
//   - List MUST return every account that bears a mark, also one of which only a part is left.
//   - Disconnect and Delete cut the guest off before they return.
type Broker interface {
	// Identity tells which broker it is and what stops it from taking messages. KindDenied: we may not manage it.
	Identity(ctx context.Context) (BrokerIdentity, error)
	Put(ctx context.Context, spec AccountSpec) (Account, error)
	List(ctx context.Context) ([]Account, error)
	// SetPassword replaces a user's password. Connections that are open stay open: Disconnect ends them.
	SetPassword(ctx context.Context, id, password string) error
	Disconnect(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error
}

// BrokerIdentity is a broker as it tells of itself.
type BrokerIdentity struct {
	Product string   // "RabbitMQ 3.10.8"
	Cluster string   // its own name
	User    string   // that we manage it as
	Alarms  []string // why it takes no messages now: "memory alarm on rabbit@one"; none: it takes them
}

// Permission is what a user may do: three regular expressions that must match a whole name. In a topic exchange there is
// nothing to configure, and they match routing keys.
type Permission struct{ Configure, Write, Read string }

// String writes all three.
func (p Permission) String() string {
	return fmt.Sprintf("configure %q write %q read %q", p.Configure, p.Write, p.Read)
}

// Policy bounds the queues whose name matches a pattern. Zero fields are not set.
type Policy struct {
	Pattern    string
	Priority   int
	MaxLength  int    // messages
	MaxBytes   int    // of all messages
	Overflow   string // "reject-publish", "drop-head"
	Expires    int    // of a message, in milliseconds
	DeadLetter string // exchange that dead messages go to
}

// String names the fields that are set as RabbitMQ does.
func (p Policy) String() string {
	text := fmt.Sprintf("for %q at priority %d:", p.Pattern, p.Priority)
	for _, field := range []struct {
		name  string
		value any
		set   bool
	}{
		{"max-length", p.MaxLength, p.MaxLength != 0},
		{"max-length-bytes", p.MaxBytes, p.MaxBytes != 0},
		{"overflow", p.Overflow, p.Overflow != ""},
		{"message-ttl", p.Expires, p.Expires != 0},
		{"dead-letter-exchange", p.DeadLetter, p.DeadLetter != ""},
	} {
		if field.set {
			text += fmt.Sprintf(" %s %v", field.name, field.value)
		}
	}
	return text
}

// Rights are what an account may do and how much.
type Rights struct {
	Permission  Permission            // in its vhost
	Topics      map[string]Permission // in the vhost's topic exchanges, by exchange
	UserLimits  map[string]int        // of the user: max-connections, max-channels
	VHostLimits map[string]int        // of a vhost of its own: max-connections, max-queues
	Policies    map[string]Policy     // of its vhost, by name; those of a shared vhost are everybody's, and stay
}

// Account is a broker's user with what is its own: rights, and a vhost of its own or a place in a shared one.
type Account struct {
	ID    string // the name of the user, and of its vhost where that is its own
	Mark  Mark
	VHost string // its own, else the one that it may enter; empty: there is none
	// Userless: only its vhost is left. Operated: we have every right in its vhost. Strange are rights that no spec gives:
	// "the user has the tag administrator", "the user may enter the vhost /"; sorted.
	Userless bool
	Operated bool
	Strange  []string
	Rights
}

// AccountSpec asks for an account.
type AccountSpec struct {
	Mark     Mark
	Provider string // alias of the cloud whose broker it is; empty: the default one
	Name     string
	VHost    string // a shared one, that is there; empty: one of its own, with its name
	Password string // of a new user; empty: it logs in with a certificate whose common name is its name
	Rights
}

// Home is the vhost of the account.
func (s AccountSpec) Home() string {
	if s.VHost != "" {
		return s.VHost
	}
	return s.Name
}

// Differences says in what an account is not what its spec asks for, sorted; none: it is that.
func (s AccountSpec) Differences(has Account) []string {
	own := s.VHost == ""
	switch {
	case has.Userless:
		return []string{"the user is gone"}
	case has.VHost != s.Home() && own:
		return []string{"the vhost is gone"}
	case has.VHost != s.Home():
		return []string{fmt.Sprintf("the user may not enter the vhost %q", s.VHost)}
	}
	out := slices.Clone(has.Strange)
	if own && !has.Operated {
		out = append(out, "our own permission in the vhost is gone")
	}
	if has.Permission != s.Permission {
		out = append(out, fmt.Sprintf("the permission is %s", has.Permission))
	}
	out = append(out, differ("the topic permission for", s.Topics, has.Topics)...)
	for name := range has.Topics {
		if _, wanted := s.Topics[name]; !wanted {
			out = append(out, "there is a topic permission for "+name)
		}
	}
	out = append(out, differ("the user's limit", s.UserLimits, has.UserLimits)...)
	if own {
		out = append(out, differ("the vhost's limit", s.VHostLimits, has.VHostLimits)...)
	}
	out = append(out, differ("the policy", s.Policies, has.Policies)...)
	slices.Sort(out)
	return out
}

// differ compares what is wanted by name with what is there.
func differ[V comparable](what string, want, has map[string]V) []string {
	var out []string
	for name, wanted := range want {
		switch got, there := has[name]; {
		case !there:
			out = append(out, fmt.Sprintf("%s %s is gone", what, name))
		case got != wanted:
			out = append(out, fmt.Sprintf("%s %s is %v", what, name, got))
		}
	}
	return out
}
