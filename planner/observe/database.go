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
	seen, there := findDatabase(host.Databases, body.Name)
	if !there {
		return planner.Subject{Presence: planner.Absent}
	}
	s.Body = databaseBody(body, seen)
	s.Computed = map[string]string{"size": fmt.Sprint(seen.SizeBytes)}
	return s
}

// within is what the guest of an instance said, with a present subject, or an unknown one that says why it said nothing.
func (l *look) within(instance resource.Address) (guest.Inspection, planner.Subject) {
	asked, known := l.inspected[instance]
	switch {
	case !known:
		return guest.Inspection{}, planner.Subject{Presence: planner.Unknown, Why: fmt.Sprintf("%s is not recorded", instance)}
	case asked.why != "":
		return guest.Inspection{}, planner.Subject{Presence: planner.Unknown, Why: asked.why, Skipped: asked.skipped}
	}
	return asked.Inspection, planner.Subject{Presence: planner.Present}
}

func findDatabase(all []guest.ObservedDatabase, name string) (guest.ObservedDatabase, bool) {
	i := slices.IndexFunc(all, func(d guest.ObservedDatabase) bool { return d.Name == name })
	if i < 0 {
		return guest.ObservedDatabase{}, false
	}
	return all[i], true
}

func databaseBody(body *resource.Database, seen guest.ObservedDatabase) *resource.Database {
	return &resource.Database{
		Instance: body.Instance, Name: body.Name,
		Charset: cmp.Or(seen.Charset, body.Charset), Collation: cmp.Or(seen.Collation, body.Collation),
	}
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
			l.found(address, r.Body, asked.Inspection)
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
			add(resource.KindUser, account(u.Name, u.Host))
		}
	}
	slices.SortFunc(l.out.Unmanaged, func(a, b plan.Unmanaged) int {
		return cmp.Or(a.Instance.Compare(b.Instance), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

func (l *look) found(address resource.Address, body resource.Body, seen guest.Inspection) {
	switch b := body.(type) {
	case *resource.Database:
		if d, there := findDatabase(seen.Databases, b.Name); there {
			l.out.Found[address] = databaseBody(b, d)
		}
	case *resource.User:
		if u, there := findUser(seen.Users, b.Name, b.Host); there {
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
		return b.Instance, string(resource.KindUser) + " " + account(b.Name, b.Host), true
	default:
		return resource.Address{}, "", false
	}
}
