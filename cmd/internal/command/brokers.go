package command

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/rabbitmq"
	"github.com/trovectl/trovectl/state"
)

const (
	adminUser     = "TROVE_AMQP_ADMIN_USER"
	adminPassword = "TROVE_AMQP_ADMIN_PASSWORD"
)

// brokerAttempts bounds how often a broker is asked for one thing: where it is down the user soon hears of it.
const brokerAttempts = 3

// openBroker is the management of the broker that a provider's guests have of their own; nil: they have none. It contacts
// nobody.
func (m *Meta) openBroker(settings config.Guest, alias string) (providers.Broker, error) {
	a, named := settings.AMQP[alias]
	if !named {
		return nil, nil
	}
	user, password := m.admin(alias)
	options := rabbitmq.Options{
		URL: a.ManagementURL, User: user, Password: password, VHost: a.VHost, UserAgent: "trovectl/" + Version,
		Wrap: middleware.New(middleware.Options{Log: m.log, Attempts: brokerAttempts}).Transport, Timeout: m.haste().request,
	}
	if a.CAFile != "" {
		options.CAFile = m.path(a.CAFile)
	}
	if a.CertFile != "" {
		operator, err := m.operator(a)
		if err != nil {
			return nil, err
		}
		options.Operator = operator
	}
	b, err := rabbitmq.Open(options)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// admin is as whom we use the broker of a provider's guests. A provider may have an administrator of its own.
func (m *Meta) admin(alias string) (user, password string) {
	suffix := ""
	if alias != "" {
		suffix = "_" + strings.ToUpper(strings.ReplaceAll(alias, "-", "_"))
	}
	if m.env[adminUser+suffix] == "" {
		suffix = ""
	}
	return m.env[adminUser+suffix], m.env[adminPassword+suffix]
}

// operator is the common name of the certificate that we log in with.
func (m *Meta) operator(a config.AMQP) (string, error) {
	pair, err := tls.LoadX509KeyPair(m.path(a.CertFile), m.path(a.KeyFile))
	if err != nil {
		return "", fmt.Errorf("reading cert_file and key_file: %w", err)
	}
	return pair.Leaf.Subject.CommonName, nil
}

// post is a broker as we and the guests reach it.
type post struct {
	settings  config.AMQP
	broker    amqp.Broker // without a vhost
	authority string      // PEM, for the guests
	missing   error       // why we cannot use it at all
}

func (m *Meta) openPosts(settings config.Guest) (map[string]post, error) {
	posts := map[string]post{}
	for alias, a := range settings.AMQP {
		p := post{settings: a}
		p.broker.URL, p.broker.TLS = a.URL, &tls.Config{MinVersion: tls.VersionTLS12}
		p.broker.User, p.broker.Password = m.admin(alias)
		if a.CAFile != "" {
			pem, err := os.ReadFile(m.path(a.CAFile))
			if err != nil {
				return nil, fmt.Errorf("reading ca_file in transport \"amqp\": %w", err)
			}
			p.authority, p.broker.TLS.RootCAs = string(pem), x509.NewCertPool()
			if !p.broker.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("ca_file in transport \"amqp\": %s holds no certificate in PEM", a.CAFile)
			}
		}
		if a.CertFile != "" {
			pair, err := tls.LoadX509KeyPair(m.path(a.CertFile), m.path(a.KeyFile))
			if err != nil {
				return nil, fmt.Errorf("reading cert_file and key_file in transport \"amqp\": %w", err)
			}
			p.broker.TLS.Certificates, p.broker.External = []tls.Certificate{pair}, true
			p.broker.User, p.broker.Password = pair.Leaf.Subject.CommonName, ""
		} else if p.broker.User == "" {
			p.missing = errors.New(noCredentials)
		}
		posts[alias] = p
	}
	return posts, nil
}

const noCredentials = adminUser + " and " + adminPassword + " are not set"

// Of a broker that all guests have a vhost of their own at there is a connection for each: none is kept for long.
const idleBroker = 2 * time.Second

// accountOf is what a member has at a broker: where, and as which user.
func (g *guests) accountOf(member state.Member) (alias, user string, there bool) {
	object, filled := member.Objects[state.SlotAccount]
	if !filled {
		return "", "", false
	}
	if alias, user, cut := strings.Cut(object.ID, "/"); cut {
		if _, own := g.posts[alias]; own {
			return alias, user, true
		}
	}
	return "", object.ID, true
}

// at is the broker of a member's guest, with the vhost of its account.
func (g *guests) at(member state.Member) (amqp.Broker, error) {
	alias, user, there := g.accountOf(member)
	p, named := g.posts[alias]
	switch {
	case !there:
		return amqp.Broker{}, guest.Errorf(guest.KindUnreachable, "it has no account at a message broker")
	case !named:
		return amqp.Broker{}, guest.Errorf(guest.KindUnreachable, "the guest block names no message broker any more")
	case p.missing != nil:
		return amqp.Broker{}, guest.Errorf(guest.KindUnreachable, "the broker %s cannot be used: %v", p.settings.URL, p.missing)
	}
	b := p.broker
	b.VHost = cmp.Or(member.VHost, user)
	return b, nil
}

// overBroker is a member as the AMQP transport reaches it.
func (g *guests) overBroker(member state.Member, generations []int) (amqp.Target, error) {
	broker, err := g.at(member)
	if err != nil {
		return amqp.Target{}, err
	}
	target := amqp.Target{Broker: broker, Guest: string(member.ID)}
	for _, generation := range generations {
		target.Keys = append(target.Keys, amqp.Key{Generation: generation, Secret: g.ring.MessageKey(member.ID, generation)})
	}
	return target, nil
}

// Heard is what a guest said of itself last at its broker, and when, whether its agent answers now or not.
func (g *guests) Heard(ctx context.Context, member state.Member) (last guest.Inspection, at time.Time, err error) {
	target, err := g.overBroker(member, member.Generations())
	if err != nil {
		return last, at, err
	}
	heard, err := g.amqp.LastStatus(ctx, target)
	if err != nil {
		return last, at, err
	}
	if err := json.Unmarshal(heard.Status, &last); err != nil {
		return last, at, fmt.Errorf("reading the last status of member %s: %w", member.ID, err)
	}
	return last, heard.At, nil
}

// What a guest needs of its vhost, and no more. A process of trovectl has one queue for its replies; the agent one connection,
// and one more while the broker has not noticed that it lost the one before.
const (
	guestConnections = 6
	guestChannels    = 32
	vhostConnections = 40
	vhostQueues      = 200
	queuedRequests   = 100
	queuedBytes      = 8 * guest.MaxMessage
	requestLife      = time.Hour
)

// Rights implements executor.Accounts.
func (g *guests) Rights(member state.MemberID, broker resource.GuestBroker) providers.Rights {
	rights := providers.Rights{
		Permission: providers.Permission{Configure: ".*", Write: ".*", Read: ".*"},
		UserLimits: map[string]int{"max-connections": guestConnections, "max-channels": guestChannels},
		Policies: map[string]providers.Policy{"trovectl-guests": {
			Pattern: `^guestagent\.`, Priority: 5, MaxLength: queuedRequests, MaxBytes: queuedBytes, Overflow: "reject-publish",
			Expires: int(requestLife.Milliseconds()), DeadLetter: "rpc.undelivered",
		}},
	}
	if broker.VHost == "" {
		rights.VHostLimits = map[string]int{"max-connections": vhostConnections, "max-queues": vhostQueues}
	}
	if broker.Mode == config.ModeTrove { // a stock server declares what it needs
		return rights
	}
	var topics map[string][2]string
	rights.Permission.Configure, rights.Permission.Write, rights.Permission.Read, topics = amqp.Permissions(string(member))
	rights.Topics = map[string]providers.Permission{}
	for exchange, patterns := range topics {
		rights.Topics[exchange] = providers.Permission{Write: patterns[0], Read: patterns[1]}
	}
	return rights
}

// Login implements executor.Accounts.
func (g *guests) Login(member state.Member, broker resource.GuestBroker, generation int) (*guest.BrokerConfig, error) {
	alias, user, _ := g.accountOf(member)
	key := g.ring.MessageKey(member.ID, generation)
	login := &guest.BrokerConfig{
		URL: broker.URL, VHost: cmp.Or(broker.VHost, user), User: user, CA: g.posts[alias].authority,
		Generation: generation, MessageKey: hex.EncodeToString(key[:]), Mode: broker.Mode,
	}
	if broker.Mode == config.ModeTrove {
		login.TroveKey = g.ring.TroveKey(member.ID).Reveal()
	}
	if !broker.Certificates {
		login.Password = g.ring.BrokerPassword(member.ID, generation).Reveal()
		return login, nil
	}
	certificate, secret, err := g.ring.Client(member.ID, generation, user, time.Now())
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate for the broker: %w", err)
	}
	login.Certificate, login.Key = certificate, secret.Reveal()
	return login, nil
}

// Open implements executor.Accounts.
func (g *guests) Open(ctx context.Context, member state.Member, broker resource.GuestBroker) error {
	if broker.Mode == config.ModeTrove {
		return nil // its agent declares what stock clients expect
	}
	at, err := g.at(member)
	if err != nil {
		return err
	}
	return g.amqp.Declare(ctx, at, string(member.ID))
}

// Close implements executor.Accounts.
func (g *guests) Close(ctx context.Context, member state.Member) error {
	at, err := g.at(member)
	if err != nil {
		return err
	}
	return g.amqp.Remove(ctx, at, string(member.ID))
}

// brokers asks the brokers who they are before anything rests on them. What is wrong with how we use one is an error; one that
// is down, or takes no messages, leaves what rests on it unknown, and the rest goes on.
func (op *operation) askBrokers(ctx context.Context) diag.List {
	var list diag.List
	for _, alias := range slices.Sorted(maps.Keys(op.config.Guest.AMQP)) {
		a := op.config.Guest.AMQP[alias]
		broker, err := op.openBroker(op.config.Guest, alias)
		if user, _ := op.admin(alias); err == nil && user == "" {
			err = &providers.Error{Kind: providers.KindDenied, Call: "identify broker", Message: noCredentials}
		}
		if err == nil {
			var id providers.BrokerIdentity
			if id, err = broker.Identity(ctx); err == nil && len(id.Alarms) > 0 {
				list = append(list, brokerBlocked(a, id))
			}
		}
		if err != nil {
			list = append(list, brokerDiagnostic(a, err))
		}
	}
	return list
}

func brokerBlocked(a config.AMQP, id providers.BrokerIdentity) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Warning, Code: "broker-blocked", Subject: a.Range, Summary: "The message broker takes no messages",
		Detail: fmt.Sprintf("%s: %s. Guests that are reached over it alone do not hear us until that is over.", a.ManagementURL, strings.Join(id.Alarms, "; ")),
		Hint:   "Free memory or disk on the broker (`rabbitmqctl list_alarms`, `rabbitmq-diagnostics memory_breakdown`); it goes on by itself then.",
	}
}

// brokerDiagnostic says what is wrong with a broker, and how to put it right.
func brokerDiagnostic(a config.AMQP, err error) diag.Diagnostic {
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "broker-unusable", Subject: a.Range, Summary: "The message broker cannot be used",
		Detail: diag.Sentence(fmt.Sprintf("the management API at %s: %v", a.ManagementURL, err)) + " Nothing was changed.",
	}
	switch {
	case providers.IsKind(err, providers.KindDenied):
		d.Hint = "Give " + adminUser + " and " + adminPassword + " of a user with the tag administrator: `rabbitmqctl set_user_tags USER administrator`."
	case providers.IsKind(err, providers.KindTransient):
		d.Severity, d.Code, d.Summary = diag.Warning, "broker-unreachable", "The message broker cannot be reached"
		d.Detail = diag.Sentence(fmt.Sprintf("the management API at %s: %v", a.ManagementURL, err)) + " What its guests have there is unknown; guests that have another way are reached by that."
		d.Hint = "Check management_url and the way there from this machine; `trovectl doctor` goes it step by step."
	default:
		d.Hint = "Check management_url, ca_file and vhost in transport \"amqp\"; `trovectl doctor` goes the way to the broker step by step."
	}
	return d
}
