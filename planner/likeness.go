package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// likeness tells how much what is recorded is like what is declared, whatever the addresses are.
type likeness struct {
	desired      *resource.Set
	prior        *state.Snapshot
	holds, asked map[resource.Address]string // what lives in each instance, as recorded and as declared
}

func likenessOf(desired *resource.Set, prior *state.Snapshot) *likeness {
	has, wants := map[resource.Address][]string{}, map[resource.Address][]string{}
	add := func(to map[resource.Address][]string, body resource.Body) {
		if host, lives := hostOf(body); lives {
			to[host] = append(to[host], withoutHost(body))
		}
	}
	for _, r := range prior.Records {
		add(has, r.Body)
	}
	for _, r := range desired.Resources {
		add(wants, r.Body)
	}
	return &likeness{desired, prior, joined(has), joined(wants)}
}

func joined(all map[resource.Address][]string) map[resource.Address]string {
	out := make(map[resource.Address]string, len(all))
	for address, texts := range all {
		out[address] = strings.Join(slices.Sorted(slices.Values(texts)), "\n")
	}
	return out
}

// score is how much the record of one address is like the declaration of another, 0: not at all, or one of the two is not
// there. What an instance is made of counts more than what lives in it, and that more than its name, which may follow from
// its label or index.
func (l *likeness) score(recorded, declared resource.Address) int {
	record, there := l.prior.Records[recorded]
	r, wanted := l.desired.Resources[declared]
	if !there || !wanted || record.Body.Kind() != r.Body.Kind() {
		return 0
	}
	had, ok := record.Body.(*resource.Instance)
	if !ok {
		return worth(essence(record.Body) == essence(r.Body), 1)
	}
	return worth(essence(had) == essence(r.Body), 4) + worth(l.holds[recorded] == l.asked[declared], 2) +
		worth(had.Name == r.Body.(*resource.Instance).Name, 1)
}

func worth(is bool, points int) int {
	if is {
		return points
	}
	return 0
}

// essence is what tells one resource from another: the name of a database or user where it lives, what an instance is made
// of. The name of an instance may follow from its index, and its image may have become another one.
func essence(body resource.Body) string {
	if key, lives := inGuest(body); lives {
		return key
	}
	attributes := body.Attributes()
	if body.Kind() == resource.KindInstance {
		maps.DeleteFunc(attributes, func(path string, _ any) bool {
			return path == "name" || slices.Contains([]string{"image", "image_tags", "image_sha256"}, path)
		})
	}
	return fmt.Sprint(map[string]any(attributes)) // printed by sorted path
}
