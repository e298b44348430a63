// Package planner compares what is wanted, what was recorded and what is there, and says what must be done. It is a pure
// function: no context, no clock, no input or output, no keys and no plaintext.
package planner

import (
	"slices"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// Observation is what a look found, by the addresses that Moved gives the records. It is filled by planner/observe.
type Observation struct {
	At    time.Time // the planner's only "now"
	Cloud plan.Cloud
	// Seen holds a subject for every recorded address that has something to look at (instances, databases, users).
	Seen map[resource.Address]Subject
	// Unmanaged lists the databases and users that nobody declared or recorded.
	Unmanaged []plan.Unmanaged
	// Found lists what is there without any record: databases and users that a declared resource names and that exist
	// already (adopted by create, and said so).
	Found map[resource.Address]resource.Body
	// Marked lists every object in the project that bears a mark of any lineage.
	Marked []Marked
	// Choices is what the cloud offers; nil lists are unknown (the service did not answer), empty ones are empty.
	Choices Choices
	// Limits are what the project may have. What is not in it is not known, or was not asked because nothing is to be made.
	Limits map[Limited]Limit
}

// Presence of a subject. The set is closed.
type Presence string

// Unknown is not absent: absent is what an authority said, by a complete list or a reply.
const (
	Present Presence = "present"
	Absent  Presence = "absent"
	Unknown Presence = "unknown"
)

// Subject is what was seen of one recorded resource.
type Subject struct {
	Presence Presence
	Why      string // of Unknown
	// Body is the recorded body with everything overwritten that could be seen. Nil unless Present. A user's password has
	// the digest of the verifier in Password.Engine; Password.Digest is the recorded one.
	Body resource.Body
	// Unverified says why part of an otherwise present subject could not be seen (its guest did not answer); what could
	// not be seen is as recorded in Body.
	Unverified string
	// Unrecorded lists the paths of Body that are shown only because they are wanted from now on: what they are changed
	// from, and nothing that anybody changed behind our back.
	Unrecorded []string
	// Parts is how the parts of a present instance stand together.
	Parts Parts
	// Missing lists the slots of a present instance whose objects are gone, in the order of state.Slots.
	Missing    []state.Slot
	Conditions []plan.Condition
	// Pending holds the running values of the settings of an instance that are configured and wait for a restart.
	Pending map[string]string
	// Skipped: nobody asked for a look at this subject (or at its guest), so that not knowing it is no finding.
	Skipped bool
	// Computed is what outputs may use: "id", "address", "port", "status", "running_version", ...
	Computed map[string]string
}

// Parts is how the parts of an instance stand together, where that is not as it was left. The zero value: as it was left.
type Parts struct {
	// Status is Nova's word for a server that was brought down and can be brought up again: "SHUTOFF", "PAUSED", ...
	Status   string
	Locked   bool // nobody but an administrator may change the server
	Detached bool // the server is there and does not have its volume
	// HeldBy is the other server that has the volume, and NotAttachable why the volume could not be attached otherwise.
	HeldBy        string
	NotAttachable string
	Address       string // of the port, where the recorded address is none of its own
	Account       string // what is wrong with its account at the message broker
	// Certificate says why the engine needs another certificate: "missing", "ends 2027-01-02". Empty: it needs none.
	Certificate string
}

// Marked is an object in the cloud with a mark.
type Marked struct {
	plan.Object
	Lineage8  string
	CreatedAt time.Time // zero: the service did not tell
}

// Limited is what a limit is about.
type Limited struct {
	Provider string // alias of the cloud; empty: the default one
	Resource string // "servers", "gigabytes", "gigabytes_ssd", ... as package providers has it
}

// Limit is what a project may have, and what it has. A negative Max is none.
type Limit struct{ Max, Used int }

// Choices is what the cloud offers, by name and id.
type Choices struct {
	Flavors     []Flavor
	Images      []Image
	Networks    []Network
	Zones       []Choice
	VolumeTypes []Choice
	FloatingIPs []FloatingIP // of the project
	// Away are the aliases of the providers whose clouds did not answer all of it.
	Away []string
}

// Complete tells whether every list was read, of every cloud.
func (c Choices) Complete() bool {
	return c.Flavors != nil && c.Images != nil && c.Networks != nil && c.Zones != nil && c.VolumeTypes != nil && len(c.Away) == 0
}

// Choice is a name and an id, in the cloud of a provider.
type Choice struct {
	ID, Name string
	Provider string // alias; empty: the default one
}

// named tells whether a text is the name or the id of a choice, with or without the alias of its provider.
func (c Choice) named(text string) bool {
	return text != "" && (c.Name == text || c.ID == text || c.Provider != "" && c.ID == c.Provider+"/"+text)
}

// of is what one provider's cloud offers; nil lists are unknown.
func (c Choices) of(provider string) Choices {
	if slices.Contains(c.Away, provider) {
		return Choices{}
	}
	return Choices{
		FloatingIPs: those(c.FloatingIPs, func(f FloatingIP) bool { return f.Provider == provider }),
		Flavors:     those(c.Flavors, func(f Flavor) bool { return f.Provider == provider }), Images: those(c.Images, func(i Image) bool { return i.Provider == provider }),
		Networks: those(c.Networks, func(n Network) bool { return n.Provider == provider }),
		Zones:    those(c.Zones, func(z Choice) bool { return z.Provider == provider }), VolumeTypes: those(c.VolumeTypes, func(t Choice) bool { return t.Provider == provider }),
	}
}

// those keeps the elements that fit; of a list that is unknown none is known.
func those[T any](all []T, fits func(T) bool) []T {
	if all == nil {
		return nil
	}
	out := []T{}
	for _, one := range all {
		if fits(one) {
			out = append(out, one)
		}
	}
	return out
}

// Flavor is a flavor with its size.
type Flavor struct {
	Choice
	RAMMiB, VCPUs int
}

// Image is an image with its tags and birth, so that tags select the newest.
type Image struct {
	Choice
	Tags      []string
	SHA256    string // of the file that it was uploaded from; empty: not known
	CreatedAt time.Time
}

// Network is a network with its subnets.
type Network struct {
	Choice
	External bool
	Subnets  []Choice
}

// Settle is how old an unrecorded object of our lineage must be before it is called an orphan.
const Settle = 60 * time.Second

// Options says what kind of plan is wanted.
type Options struct {
	Mode plan.Mode
	// Targets narrow the plan to what they name and what that needs; the address of a block stands for all its keys. None:
	// everything. Sorted.
	Targets       []resource.Address
	Replace       []resource.Address // with ModeApply: what is removed and made anew
	DeleteOrphans bool               // add steps that delete the orphans
	Rotate        []resource.Address // with ModeRotate: the instances, each by its address or its block's
	State         string
	ConfigDigest  string
}
