// Package plan is a plan as data: the steps that lead from what is to what is wanted, why, what clients feel, what each
// rests on, and nothing secret. The executor obeys it, views show it, and the same plan gives the same bytes.
package plan

import (
	"encoding/json"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
)

// Format is the version of an encoded plan. A newer one is refused.
const Format = 1

// Mode says what the plan is for. The set is closed.
type Mode string

// The modes.
const (
	ModeApply   Mode = "apply"
	ModeDestroy Mode = "destroy"
	ModeRefresh Mode = "refresh_only"
	ModeRotate  Mode = "rotate" // new keys for the guests that were named, and nothing else
)

// Plan is everything that an apply would do, and what the look found.
type Plan struct {
	Format       int    `json:"format"`
	Mode         Mode   `json:"mode"`
	Lineage      string `json:"lineage"`
	Serial       uint64 `json:"serial"` // of the state it was made from
	ConfigDigest string `json:"config_digest"`
	// Targets are what the plan was narrowed to, with what that needs; none: it is whole. Sorted.
	Targets []resource.Address `json:"targets,omitempty"`
	// KeyCheck tells the master key that the digests of passwords were made with, in a saved plan; empty: not saved.
	KeyCheck   string      `json:"key_check,omitempty"`
	Cloud      Cloud       `json:"cloud"`
	State      string      `json:"state"`                 // the store's location
	NamePrefix string      `json:"name_prefix,omitempty"` // in front of the names of cloud objects that several resources share
	Moves      []Move      `json:"moves,omitempty"`       // records that get another address before the first step, sorted by From
	Steps      []Step      `json:"steps,omitempty"`
	Drift      []Drift     `json:"drift,omitempty"`
	Unmanaged  []Unmanaged `json:"unmanaged,omitempty"`
	Unknown    []Unknown   `json:"unknown,omitempty"`
	Orphans    []Object    `json:"orphans,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Outputs    []Output    `json:"outputs,omitempty"`
	// Checks is what the conditions of the configuration came to, sorted by address, check blocks last.
	Checks    []resource.Check `json:"checks,omitempty"`
	Unchanged int              `json:"unchanged"` // resources with nothing to do
	// Prior and Variables are in saved plans only, so that one tells by itself what it was made from.
	Prior     []Recorded     `json:"prior,omitempty"`     // what was recorded, under the addresses that it has after the moves, sorted
	Variables map[string]any `json:"variables,omitempty"` // JSON values of those that are not sensitive
}

// Recorded is what was recorded of a resource.
type Recorded struct {
	Address  resource.Address  `json:"address"`
	Body     Body              `json:"body"`
	Computed map[string]string `json:"computed,omitempty"`
}

// Cloud is the first line of every plan.
type Cloud struct {
	Name        string `json:"name,omitempty"` // the clouds.yaml entry
	AuthURL     string `json:"auth_url"`
	ProjectID   string `json:"project_id"`
	ProjectName string `json:"project_name"`
	Region      string `json:"region"`
	// Others are the clouds of further providers, by alias.
	Others map[string]Cloud `json:"others,omitempty"`
}

// Move is a record that gets another address; nothing in the cloud is touched by it. All moves of a plan happen at once, so
// that two records may swap addresses.
type Move struct {
	From resource.Address `json:"from"`
	To   resource.Address `json:"to"`
}

// Action is what a step does. The set is closed.
type Action string

// The actions.
const (
	Create       Action = "create"        // make it, or go on making it
	Update       Action = "update"        // change it in place
	Delete       Action = "delete"        // remove it and what is left of it
	DeleteOrphan Action = "delete_orphan" // remove a cloud object of our lineage that nothing records
)

// Step is one thing to do.
type Step struct {
	ID        string             `json:"id"` // "create instance.orders"; unique in the plan
	Action    Action             `json:"action"`
	Address   resource.Address   `json:"address,omitzero"` // zero for DeleteOrphan
	Reason    Reason             `json:"reason"`
	Impact    resource.Impact    `json:"impact"`
	Changes   []Change           `json:"changes,omitempty"`
	Before    Body               `json:"before,omitzero"` // as recorded; nothing for Create
	After     Body               `json:"after,omitzero"`  // as wanted; nothing for Delete
	Needs     []string           `json:"needs,omitempty"` // ids of the steps that must have ended well, sorted
	Facts     []Fact             `json:"facts,omitempty"`
	Protect   bool               `json:"protect,omitempty"`    // to record
	DependsOn []resource.Address `json:"depends_on,omitempty"` // to record, sorted
	// Member is the id of the machine that the step changes or removes, as recorded; empty: it has none yet, or needs none.
	Member string `json:"member,omitempty"`
	// With is the instance that this resource is removed together with; zero: it is removed by itself.
	With resource.Address `json:"with,omitzero"`
	// Destroys lists the resources whose data the step destroys, sorted: the instance and what is known to live in it.
	Destroys []resource.Address `json:"destroys,omitempty"`
	// Resolved maps names that the configuration uses to the cloud's ids: "flavor", "image", "network", "subnet". An image
	// that the plan uploads has no id yet: it is UploadedImage and the digest of its file.
	Resolved map[string]string `json:"resolved,omitempty"`
	// Rebuild lists the slots of the instance that were found missing and are to be filled again ("server", "port", ...).
	Rebuild []string `json:"rebuild,omitempty"`
	// Unverified says why the look could not confirm the record that the step rests on; empty: it could.
	Unverified string   `json:"unverified,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	Orphan     *Object  `json:"orphan,omitempty"` // of DeleteOrphan
}

// ReasonCode says why a step is there. The set is closed.
type ReasonCode string

// The reasons.
const (
	ReasonNew         ReasonCode = "new"         // declared and not recorded
	ReasonChanged     ReasonCode = "changed"     // the configuration differs from what is there
	ReasonDrift       ReasonCode = "drift"       // reality was changed by somebody else
	ReasonInterrupted ReasonCode = "interrupted" // an earlier run did not end it
	ReasonFailed      ReasonCode = "failed"      // an earlier run failed; try again
	ReasonMissing     ReasonCode = "missing"     // recorded, and gone from the cloud or the guest
	ReasonNoBlock     ReasonCode = "no_block"    // delete: the block is not in the configuration
	ReasonNoKey       ReasonCode = "no_key"      // delete: the key is not in for_each
	ReasonNoIndex     ReasonCode = "no_index"    // delete: the index is out of range for count
	ReasonRepetition  ReasonCode = "repetition"  // delete: the block's use of count or for_each changed
	ReasonDestroy     ReasonCode = "destroy"     // delete: all is to be destroyed
	ReasonOrphan      ReasonCode = "orphan"      // delete_orphan
	ReasonRequested   ReasonCode = "requested"   // somebody asked for it by a command
	ReasonUpkeep      ReasonCode = "upkeep"      // what ages is renewed
)

// Reason is why, as a code and as words.
type Reason struct {
	Code ReasonCode `json:"code"`
	Text string     `json:"text,omitempty"`
}

// Change is one attribute that differs. A sensitive one has no values.
type Change struct {
	Path      string `json:"path"`
	Before    any    `json:"before"` // nil: absent
	After     any    `json:"after"`  // nil: absent
	Sensitive bool   `json:"sensitive,omitempty"`
	// Pending: persisted now, in force after a restart of the engine.
	Pending bool            `json:"pending,omitempty"`
	Impact  resource.Impact `json:"impact"`
}

// PathKeys is the path of a change that replaces the keys of a guest; its values are generations.
const PathKeys = "guest.keys"

// The paths of changes of how the parts of an instance stand together: whether its server runs (in Nova's words), whether
// that has its volume, where it answers, and what its account at the message broker is.
const (
	PathStatus   = "server.status"
	PathAttached = "volume.attached"
	PathAddress  = "address"
	PathAccount  = "guest.account"
)

// PathCertificate is the path of a change that gives an instance a new certificate; its values say why, and for what names.
const PathCertificate = "tls.certificate"

// FactKind is what a fact is about. The set is closed.
type FactKind string

// The kinds of fact.
const (
	FactPresent    FactKind = "present"     // Subject is the slot, Value the cloud id: the object is there
	FactVolumeSize FactKind = "volume_size" // Value GiB: the volume has exactly this size
)

// Fact is something a step rests on, read again just before the step.
type Fact struct {
	Kind    FactKind `json:"kind"`
	Subject string   `json:"subject,omitempty"`
	Value   string   `json:"value"`
}

// Drift is a resource that somebody else changed, by attribute; Gone: it is no longer there.
type Drift struct {
	Address resource.Address `json:"address"`
	Gone    bool             `json:"gone,omitempty"`
	Missing []string         `json:"missing,omitempty"` // slots of an instance that are gone
	Changes []Change         `json:"changes,omitempty"` // Before: as recorded; After: as found
}

// UploadedImage begins what stands for an image that is not in the cloud yet.
const UploadedImage = "sha256:"

// Unmanaged is a database or user that nobody declared. It is left alone.
type Unmanaged struct {
	Instance resource.Address `json:"instance"`
	Kind     resource.Kind    `json:"kind"`
	Name     string           `json:"name"` // "shop", "app@10.%"
}

// Unknown is a resource that could not be looked at, and why.
type Unknown struct {
	Address resource.Address `json:"address"`
	Why     string           `json:"why"`
	In      resource.Address `json:"in,omitzero"` // the instance that it lives in
}

// Condition is a computed fact worth telling that is no difference: a pending restart, a crashed engine.
type Condition struct {
	Address resource.Address `json:"address"`
	Code    string           `json:"code"` // "restart_pending", "engine_crashed", "server_not_active"
	Text    string           `json:"text"`
}

// Object is an object in the cloud that bears a mark.
type Object struct {
	Service string `json:"service"` // "server", "volume", "port", "security_group"
	ID      string `json:"id"`
	Name    string `json:"name"`
	Member  string `json:"member"`
	Intent  string `json:"intent"`
}

// Output is the change of one output. Values are JSON values; a sensitive one has none.
type Output struct {
	Name      string `json:"name"`
	Action    string `json:"action"` // create, update, delete, no-op
	Before    any    `json:"before,omitempty"`
	After     any    `json:"after,omitempty"`
	Known     bool   `json:"known"` // false: known after apply
	Sensitive bool   `json:"sensitive,omitempty"`
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool {
	if len(p.Steps) > 0 || len(p.Moves) > 0 {
		return false
	}
	for _, o := range p.Outputs {
		if o.Action != "no-op" {
			return false
		}
	}
	return true
}

// Counts is the summary: resources to add, to change and to destroy.
func (p *Plan) Counts() (add, change, destroy int) {
	for _, s := range p.Steps {
		switch s.Action {
		case Create:
			add++
		case Update:
			change++
		case Delete, DeleteOrphan:
			destroy++
		default:
			panic(fmt.Sprintf("unknown action %q", s.Action))
		}
	}
	return add, change, destroy
}

// Body carries a resource's body through an encoding, by its kind.
type Body struct{ resource.Body }

// IsZero tells whether there is no body.
func (b Body) IsZero() bool { return b.Body == nil }

// MarshalJSON writes the kind and the body.
func (b Body) MarshalJSON() ([]byte, error) {
	if b.Body == nil {
		return []byte("null"), nil
	}
	data, err := resource.EncodeBody(b.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(bodyJSON{b.Kind(), data})
}

// UnmarshalJSON reads what MarshalJSON wrote; the bytes are untrusted.
func (b *Body) UnmarshalJSON(data []byte) error {
	var in *bodyJSON
	if err := decodeStrict(data, &in); err != nil {
		return err
	}
	if in == nil {
		b.Body = nil
		return nil
	}
	body, err := resource.NewBody(in.Kind)
	if err != nil {
		return err
	}
	if err := decodeStrict(in.Body, body); err != nil {
		return fmt.Errorf("the body of a %s: %w", in.Kind, err)
	}
	b.Body = body
	return nil
}

type bodyJSON struct {
	Kind resource.Kind   `json:"kind"`
	Body json.RawMessage `json:"body"`
}
