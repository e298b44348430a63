package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
)

// Kind is a kind of resource. The set is closed.
type Kind string

// The kinds, in the order in which they rest on one another.
const (
	KindDatastore   Kind = "datastore"
	KindConfigGroup Kind = "config_group"
	KindInstance    Kind = "instance"
	KindDatabase    Kind = "database"
	KindUser        Kind = "user"
)

// Kinds lists all kinds, each after those it rests on.
var Kinds = []Kind{KindDatastore, KindConfigGroup, KindInstance, KindDatabase, KindUser}

// Known tells whether there is such a kind.
func (k Kind) Known() bool { return slices.Contains(Kinds, k) }

func kindList() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// Body is what a resource of one kind says. The set is sealed: *Datastore, *ConfigGroup, *Instance, *Database, *User.
// Bodies encode to JSON without any secret and decode to an equal body.
type Body interface {
	Kind() Kind
	// References names the resources it rests on, by argument path.
	References() map[string]Address
	// Attributes flattens the body to what is shown and compared. Absent arguments have no attribute.
	Attributes() Attributes
	// Judge says what changing this body to the next one at a path forces.
	Judge(path string, next Body) Verdict
}

// Attributes maps argument paths ("volume.size", `grant["shop"]`) to values in display form: string, int, bool or
// []string. A sensitive one is a digest.
type Attributes map[string]any

// Paths lists the paths, sorted.
func (a Attributes) Paths() []string { return slices.Sorted(maps.Keys(a)) }

// Resource is a body with its address and what the language says around it. Ranges tell where each path stands in the
// files; equality and encoding ignore them.
type Resource struct {
	Address   Address
	Body      Body
	Protect   bool
	DependsOn []Address // explicit ones, sorted
	Range     *diag.Range
	Ranges    map[string]diag.Range
}

// At is the place of a path, or of the block when the path has none of its own.
func (r *Resource) At(path string) *diag.Range {
	if at, ok := r.Ranges[path]; ok {
		return &at
	}
	if head, _, found := strings.Cut(path, "."); found {
		return r.At(head)
	}
	return r.Range
}

// Dependencies lists what the resource rests on, references and explicit ones, sorted, each once.
func (r *Resource) Dependencies() []Address {
	all := slices.Concat(slices.Collect(maps.Values(r.Body.References())), r.DependsOn)
	slices.SortFunc(all, Address.Compare)
	return slices.Compact(all)
}

// EncodeBody writes a body as JSON; DecodeBody reads it back by its kind.
func EncodeBody(b Body) (json.RawMessage, error) { return json.Marshal(b) }

// DecodeBody reads a body of a kind from untrusted bytes.
func DecodeBody(kind Kind, data []byte) (Body, error) {
	b, err := NewBody(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("decoding the body of a %s: %w", kind, err)
	}
	return b, nil
}

// NewBody is an empty body of a kind.
func NewBody(kind Kind) (Body, error) {
	switch kind {
	case KindDatastore:
		return &Datastore{}, nil
	case KindConfigGroup:
		return &ConfigGroup{}, nil
	case KindInstance:
		return &Instance{}, nil
	case KindDatabase:
		return &Database{}, nil
	case KindUser:
		return &User{}, nil
	default:
		return nil, fmt.Errorf("there is no kind %q (there are %s)", kind, kindList())
	}
}

// Repetition says how a block is repeated, so that a removal can be explained.
type Repetition struct {
	Mode  string // "single", "count" or "for_each"
	Count int    // with "count"
}

// Set is everything that a configuration asks for.
type Set struct {
	Resources map[Address]*Resource
	Blocks    map[Address]Repetition // by address without key, also those repeated zero times
	Moves     []Move                 // of `moved` blocks, in the order of the files
	// NamePrefix is in front of the names of all cloud objects; the names in bodies have it already.
	NamePrefix string
}

// Move says that what is recorded as From is called To from now on. Both are of one kind. Without a key on either side the
// whole block moves, every key with it; with a key on one side only, the other is a resource of a block that is not repeated.
type Move struct {
	From, To Address
	Range    *diag.Range
}

// Sorted lists the resources by address.
func (s *Set) Sorted() []*Resource {
	return slices.SortedFunc(maps.Values(s.Resources), func(a, b *Resource) int { return a.Address.Compare(b.Address) })
}

// Effect is what a change of an argument forces. The set is closed.
type Effect string

// The effects.
const (
	InPlace Effect = "in_place" // done on the living thing
	Record  Effect = "record"   // only the record changes
	Refused Effect = "refused"  // not done; Verdict says why and what to do instead
	Ignored Effect = "ignored"  // counts at creation only
)

// Impact is what clients feel while a step runs. The set is closed; higher is worse.
type Impact string

// The impacts, from the mildest.
const (
	Online   Impact = "online"
	Reload   Impact = "reload"
	Restart  Impact = "restart"
	Failover Impact = "failover"
	DataCopy Impact = "data copy"
)

var impacts = []Impact{Online, Reload, Restart, Failover, DataCopy}

// Worse is the worse of two impacts.
func Worse(a, b Impact) Impact {
	if slices.Index(impacts, a) >= slices.Index(impacts, b) {
		return a
	}
	return b
}

// Verdict is what a change at one path forces.
type Verdict struct {
	Effect  Effect
	Impact  Impact // of InPlace
	Why     string // of Refused: a sentence
	Instead string // of Refused: what to do
}

func inPlace(impact Impact) Verdict { return Verdict{Effect: InPlace, Impact: impact} }
func refused(why, instead string) Verdict {
	return Verdict{Effect: Refused, Why: why, Instead: instead}
}

var (
	recordOnly = Verdict{Effect: Record, Impact: Online}
	ignored    = Verdict{Effect: Ignored, Impact: Online}
)
