package command

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

var importSpec = spec{
	synopsis: "Record something that exists, as what ADDRESS declares; changes nothing but the state",
	usage: "trovectl import [options] ADDRESS ID\n\n" +
		"  ID of an instance: [REGION/]SERVER_UUID; it brings along what is declared in it and is there.\n" +
		"  ID of a database: SERVER_UUID/NAME; of a user: SERVER_UUID/NAME@HOST. Names are percent-encoded.",
	flags: func(f *flags) {
		f.variables()
		f.set.BoolVar(&f.input, "input", true, "ask for what is missing")
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	},
	run: runImport,
}

// existing is what an id of `import` names.
type existing struct {
	region, server string
	name, host     string // of a database or user; host empty: not given
}

// parseExisting reads an id for a kind.
func parseExisting(kind resource.Kind, text string) (e existing, err error) {
	unescape := func(in string) string {
		out, unescapeErr := url.PathUnescape(in)
		if unescapeErr != nil && err == nil {
			err = fmt.Errorf("%q is not percent-encoded as it should be: %w", in, unescapeErr)
		}
		return out
	}
	e.server = text
	if kind != resource.KindInstance {
		i := strings.LastIndex(text, "/")
		if i < 0 {
			return e, fmt.Errorf("want SERVER_UUID/NAME, and %q has no slash", text)
		}
		e.server = text[:i]
		name, host := text[i+1:], ""
		if at := strings.LastIndex(name, "@"); kind == resource.KindUser && at >= 0 {
			name, host = name[:at], name[at+1:]
		}
		if e.name, e.host = unescape(name), unescape(host); e.name == "" {
			return e, fmt.Errorf("%q names nothing behind the server", text)
		}
	}
	if region, server, qualified := strings.Cut(e.server, "/"); qualified {
		e.region, e.server = region, server
	}
	if err == nil && (e.server == "" || strings.Contains(e.server, "/")) {
		err = fmt.Errorf("want [REGION/]SERVER_UUID, SERVER_UUID/NAME or SERVER_UUID/NAME@HOST, not %q", text)
	}
	return e, err
}

// find gives the server's id as the clouds of this run know it: the region may also be the alias of a provider.
func (e existing) find(cloud *providers.Cloud) (id string, ok bool) {
	if e.region == "" || e.region == cloud.Identity.Region {
		return e.server, true
	}
	for _, alias := range slices.Sorted(maps.Keys(cloud.Others)) {
		if e.region == alias || e.region == cloud.Others[alias].Region {
			return providers.Qualify(alias, e.server), true
		}
	}
	return "", false
}

func runImport(m *Meta, f *flags) int {
	if err := f.words(2, 2, "an address and an id"); err != nil {
		return m.fail("%v", err)
	}
	address, err := resource.ParseAddress(f.args[0])
	if err != nil {
		return m.fail("%v", err)
	}
	if _, live := map[resource.Kind]bool{resource.KindInstance: true, resource.KindDatabase: true, resource.KindUser: true}[address.Kind]; !live {
		return m.fail("There is nothing to import for %s: a %s has no object in the cloud, and the next apply records it", address, address.Kind)
	}
	id, err := parseExisting(address.Kind, f.args[1])
	if err != nil {
		return m.failErr("The id cannot be read", err)
	}
	ctx, hard, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(ctx, f, false, false)
	if list.HasErrors() {
		return m.report(list)
	}
	if op.missing {
		return m.report(append(op.warnings, stateDiagnostic(state.ErrMissing, op.address)))
	}
	session, err := op.lock(ctx, f, "import")
	if err != nil {
		return m.report(append(op.warnings, stateDiagnostic(err, op.address)))
	}
	defer func() { _ = session.Close() }()
	op.prior = session.Snapshot()
	list = append(op.warnings, op.importOne(ctx, hard, session, address, id)...)
	return m.report(list)
}

// importOne records one thing, and with an instance what is declared in it, or says why not.
func (op *operation) importOne(ctx, hard context.Context, session state.Session, address resource.Address, id existing) diag.List {
	r, list := op.importable(address)
	if list.HasErrors() {
		return list
	}
	known, ok := id.find(op.cloud)
	if !ok {
		return refusal("The id names another region", fmt.Sprintf("It names %s, and the credentials lead to %s.", id.region, op.cloud.Identity.Region), "Use the credentials of that region.")
	}
	id.server = known
	a := op.newAdoption()
	if address.Kind == resource.KindInstance {
		list = a.importInstance(ctx, r, id)
	} else {
		list = a.importInside(r, id)
	}
	if list.HasErrors() {
		return list
	}
	if err := a.look(ctx); err != nil {
		return append(list, cloudDiagnostic(err))
	}
	if list = a.judge(r, id); list.HasErrors() {
		return list
	}
	batch, told := a.batch()
	if op.prior.Cloud == nil {
		batch.Cloud = executor.CloudID(observe.CloudOf(op.cloud))
	}
	if err := session.Commit(hard, batch); err != nil {
		return append(list, stateDiagnostic(err, op.address))
	}
	now := session.Snapshot()
	for _, record := range told {
		op.view.Record(now, now.Records[record.Address])
	}
	_, _ = fmt.Fprintf(op.streams.Out, "Recorded: %s. Nothing else was changed; `trovectl plan` shows where the configuration says otherwise.\n",
		addressList(addressesOf(told)))
	return nil
}

func addressesOf(records []state.Record) []resource.Address {
	out := make([]resource.Address, len(records))
	for i, r := range records {
		out[i] = r.Address
	}
	return out
}

// refusal is an import that was refused.
func refusal(summary, detail, hint string) diag.List {
	if !strings.HasSuffix(detail, "\n") {
		detail += " "
	}
	return diag.List{{Severity: diag.Error, Summary: summary, Detail: detail + "Nothing was recorded.", Hint: hint}}
}

// importable is the block that says what an address is to be.
func (op *operation) importable(address resource.Address) (*resource.Resource, diag.List) {
	if list := noRun(op.prior); list.HasErrors() {
		return nil, list
	}
	if now := observe.CloudOf(op.cloud); !planner.SameCloud(op.prior.Cloud, now) {
		return nil, diag.List{planner.OtherCloud(*op.prior.Cloud, now)}
	}
	if _, recorded := op.prior.Records[address]; recorded {
		return nil, refusal(fmt.Sprintf("%s is recorded already", address), "An address is imported once.",
			fmt.Sprintf("To see what it is: trovectl state show '%s'. To record something else under it, forget that first: trovectl state rm '%s'", address, address))
	}
	r, declared := op.config.Set.Resources[address]
	if !declared {
		return nil, refusal(fmt.Sprintf("%s is not declared", address), "The configuration has to say what it is to be.",
			"Write its block, as it is to stay, and import it then.")
	}
	return r, nil
}

// importInstance finds the machine that an id names.
func (a *adoption) importInstance(ctx context.Context, r *resource.Resource, id existing) diag.List {
	if a.cloud.ProviderOf(id.server) != r.Body.(*resource.Instance).Provider {
		return refusal("The server is in another cloud", fmt.Sprintf("The block of %s names another provider than the one that has %s.", r.Address, id.server), "Set `provider` of the instance to that one.")
	}
	server, err := a.cloud.Servers.Get(ctx, id.server)
	switch {
	case providers.IsKind(err, providers.KindNotFound):
		return refusal("There is no such server", fmt.Sprintf("The project %s has no server %s.", a.cloud.Identity.ProjectName, id.server),
			"Look at the ids with `openstack server list`, and whether the credentials lead to the right project.")
	case err != nil:
		return diag.List{cloudDiagnostic(err)}
	case server.Mark.IsZero():
		return refusal("The server was not made by trovectl", fmt.Sprintf("%s (%s) bears no mark, and there is no agent of ours in it.", id.server, server.Name),
			"Taking over the servers of others is not available yet.")
	case server.Mark.Lineage != a.prior.Lineage8():
		return refusal("The server belongs to another state", fmt.Sprintf("Its mark names the lineage %s, and this state is of %s: its keys open other guests.", server.Mark.Lineage, a.prior.Lineage8()),
			"Give the address of its state in TROVE_STATE. Where that is lost, `trovectl state rebuild` makes a new one from the marks.")
	}
	for _, record := range a.prior.Records {
		if record.Member == state.MemberID(server.Mark.Member) {
			return refusal("The server is recorded already", fmt.Sprintf("%s is the machine of %s.", id.server, record.Address),
				fmt.Sprintf("To give it another address: trovectl state mv '%s' '%s'", record.Address, r.Address))
		}
	}
	machines, err := observe.Machines(ctx, a.cloud)
	if err != nil {
		return diag.List{cloudDiagnostic(err)}
	}
	i := slices.IndexFunc(machines, func(m observe.Machine) bool { return m.Member.Objects[state.SlotServer].ID == id.server })
	if i < 0 {
		return refusal("The server is not in the list of servers", fmt.Sprintf("%s answers, and the cloud does not list it: it may be on its way out.", id.server), "Try again in a moment.")
	}
	a.instance(r, machines[i])
	return nil
}

// importInside finds the recorded instance that a database or user lives in.
func (a *adoption) importInside(r *resource.Resource, id existing) diag.List {
	at := r.Body.References()["instance"]
	host, recorded := a.prior.Records[at]
	member := a.prior.Members[host.Member]
	if !recorded || host.Status != state.Ready || member.Objects[state.SlotServer].ID != id.server {
		return refusal(fmt.Sprintf("%s is not on that server", r.Address), fmt.Sprintf("Its block says that it lives in %s, and that is not recorded as ready on the server %s.", at, id.server),
			fmt.Sprintf("Look at the instance with `trovectl state show '%s'`; import it first, if it is not recorded.", at))
	}
	record := state.Record{Role: host.Role}
	switch body := r.Body.(type) {
	case *resource.Database:
		named := *body
		named.Name, record.Body = id.name, &named
	case *resource.User:
		named := *body
		named.Name, record.Body = id.name, &named
		if engine, known := a.engineOf(at); known && id.host != "" {
			named.Host = engine.NormalizeHost(id.host)
		}
	}
	for _, other := range a.prior.Records {
		if sameInGuest(other.Body, record.Body) {
			return refusal(fmt.Sprintf("%s is recorded already", id.name), fmt.Sprintf("It is %s.", other.Address),
				fmt.Sprintf("To give it another address: trovectl state mv '%s' '%s'", other.Address, r.Address))
		}
	}
	a.enroll(member)
	a.snapshot.Roles[host.Role] = a.prior.Roles[host.Role]
	a.snapshot.Records[at] = host
	a.record(r, record)
	return nil
}

// sameInGuest tells whether two bodies are the same database or user of one instance.
func sameInGuest(a, b resource.Body) bool {
	switch x := a.(type) {
	case *resource.Database:
		y, ok := b.(*resource.Database)
		return ok && x.Instance == y.Instance && x.Name == y.Name
	case *resource.User:
		y, ok := b.(*resource.User)
		return ok && x.Instance == y.Instance && x.Name == y.Name && x.Host == y.Host
	default:
		return false
	}
}

// judge says why what was asked for cannot be recorded.
func (a *adoption) judge(r *resource.Resource, id existing) diag.List {
	at, inside := r.Body.References()["instance"]
	if !inside {
		at = r.Address
		if why := a.unfit(at); why != "" {
			return refusal(fmt.Sprintf("The server cannot be %s", at), fmt.Sprintf("The server is %s. %s", id.server, diag.Sentence(why)), "Declare what it is, or import it under the address that does.")
		}
	}
	if why := a.silent(at); why != "" {
		return refusal("The guest could not be asked", fmt.Sprintf("What is in %s is not known. %s", at, diag.Sentence(why)),
			"It has to answer once, so that what is recorded is true: start it, or mend the way to it, and import again.")
	}
	if _, there := a.found(r.Address); !there {
		return refusal(fmt.Sprintf("There is no %s %q", r.Address.Kind, id.name), fmt.Sprintf("The engine of %s knows none of this name.", at),
			"What is not there needs no import: the next apply makes it.")
	}
	return nil
}

// batch is the transaction that records what is there, and what it records, by address.
func (a *adoption) batch() (state.Batch, []state.Record) {
	var b state.Batch
	for _, record := range a.snapshot.Sorted() {
		found, there := a.found(record.Address)
		if _, before := a.prior.Records[record.Address]; before || !there {
			continue
		}
		if found.Member != "" {
			b.PutMembers = append(b.PutMembers, a.machine(found.Member))
			b.PutRoles = append(b.PutRoles, a.snapshot.Roles[found.Role])
		}
		b.PutRecords = append(b.PutRecords, found)
	}
	b.PutMembers = append(b.PutMembers, a.groups(b.PutRecords)...)
	return b, b.PutRecords
}
