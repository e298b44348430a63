package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// database tells what the guest says of a recorded database.
func (l *look) database(record state.Record) planner.Subject {
	body, ok := record.Body.(*resource.Database)
	if !ok {
		return planner.Subject{Presence: planner.Unknown, Why: "its record has no database"}
	}
	host, s := l.within(body.Instance)
	if s.Presence == planner.Unknown {
		return s
	}
	seen, there := host.databases[body.Name]
	if !there {
		return planner.Subject{Presence: planner.Absent}
	}
	s.Body = databaseBody(body, seen)
	s.Computed = map[string]string{"size": fmt.Sprint(seen.SizeBytes)}
	return s
}

// within is what the guest of an instance said, with a present subject, or an unknown one that says why it said nothing.
func (l *look) within(instance resource.Address) (inspected, planner.Subject) {
	asked, known := l.inspected[instance]
	switch {
	case !known:
		return inspected{}, planner.Subject{Presence: planner.Unknown, Why: fmt.Sprintf("%s is not recorded", instance)}
	case asked.why != "":
		return inspected{}, planner.Subject{Presence: planner.Unknown, Why: asked.why, Skipped: asked.skipped}
	}
	return asked, planner.Subject{Presence: planner.Present}
}

func databaseBody(body *resource.Database, seen guest.ObservedDatabase) *resource.Database {
	out := &resource.Database{
		Instance: body.Instance, Manager: body.Manager, Name: body.Name, Owner: resource.Role{Name: seen.Owner},
		Charset: cmp.Or(seen.Charset, body.Charset), Collation: cmp.Or(seen.Collation, body.Collation), Encoding: cmp.Or(seen.Encoding, body.Encoding),
		Extensions: slices.Sorted(slices.Values(seen.Extensions)),
	}
	if seen.Owner == body.Owner.Name {
		out.Owner = body.Owner
	}
	return out
}

// undeclared finds what is in the guests without a record: what a declared resource names is found, the rest is
// unmanaged.
func (l *look) undeclared() {
	declared := map[resource.Address]map[string]bool{} // by instance: the names that are recorded or declared
	note := func(body resource.Body) (resource.Address, string, bool) {
		instance, name, ok := nameOf(body)
		if ok {
			if declared[instance] == nil {
				declared[instance] = map[string]bool{}
			}
			declared[instance][name] = true
		}
		return instance, name, ok
	}
	for _, record := range l.prior.Records {
		note(record.Body)
	}
	recorded := map[resource.Address]map[string]bool{}
	for instance, names := range declared {
		recorded[instance] = maps.Clone(names)
	}
	for address, r := range l.desired.Resources {
		instance, name, ok := note(r.Body)
		if !ok || recorded[instance][name] {
			continue
		}
		if asked, known := l.inspected[instance]; known && asked.why == "" {
			l.found(address, r.Body, asked)
		}
	}
	for instance, asked := range l.inspected {
		if asked.why != "" {
			continue
		}
		add := func(kind resource.Kind, name string) {
			if !declared[instance][string(kind)+" "+name] {
				l.out.Unmanaged = append(l.out.Unmanaged, plan.Unmanaged{Instance: instance, Kind: kind, Name: name})
			}
		}
		for _, d := range asked.Databases {
			add(resource.KindDatabase, d.Name)
		}
		for _, u := range asked.Users {
			add(resource.KindUser, account{u.Name, u.Host}.String())
		}
	}
	slices.SortFunc(l.out.Unmanaged, func(a, b plan.Unmanaged) int {
		return cmp.Or(a.Instance.Compare(b.Instance), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

func (l *look) found(address resource.Address, body resource.Body, seen inspected) {
	switch b := body.(type) {
	case *resource.Database:
		if d, there := seen.databases[b.Name]; there {
			l.out.Found[address] = databaseBody(b, d)
		}
	case *resource.User:
		if u, there := seen.users[account{b.Name, b.Host}]; there {
			l.out.Found[address] = userBody(b, u)
		}
	}
}

// nameOf is the instance that a database or user lives in, and its kind and name there.
func nameOf(body resource.Body) (instance resource.Address, name string, ok bool) {
	switch b := body.(type) {
	case *resource.Database:
		return b.Instance, string(resource.KindDatabase) + " " + b.Name, true
	case *resource.User:
		return b.Instance, string(resource.KindUser) + " " + account{b.Name, b.Host}.String(), true
	default:
		return resource.Address{}, "", false
	}
}
