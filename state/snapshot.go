// Package state is what we made and what we were about to make: members, roles, records and intents, and the contract of
// the stores that keep them. It holds no secret.
package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trovectl/trovectl/config/resource"
)

// Format is the version of what stores keep. A store refuses a newer one.
const Format = 1

// Identifiers. All are lower-case base32 of random bits: a lineage has 26 characters, a member and a role 12, an intent 16.
type (
	// MemberID names a machine for ever.
	MemberID string
	// RoleID names what a machine serves as; a promote swaps the members of two roles and nothing else.
	RoleID string
	// IntentID names one change that was about to be made. It is in the mark of what the change creates, and is the id
	// of the request to a guest.
	IntentID string
)

// Snapshot is a whole state at one serial. It is a value of its own: changing it changes no store.
type Snapshot struct {
	Format  int      `json:"format"`
	Lineage string   `json:"lineage"`
	Serial  uint64   `json:"serial"` // grows by one with every commit
	Cloud   *CloudID `json:"cloud,omitempty"`
	Run     *Run     `json:"run,omitempty"`
	// KeyCheck tells the lineage's master key from any other without telling anything of it; empty: none was recorded.
	KeyCheck string `json:"key_check,omitempty"`

	Members map[MemberID]Member         `json:"members,omitempty"`
	Roles   map[RoleID]Role             `json:"roles,omitempty"`
	Records map[resource.Address]Record `json:"records,omitempty"`
	Intents map[IntentID]Intent         `json:"intents,omitempty"`
}

// Empty is a state in which nothing was made yet.
func Empty(lineage string) *Snapshot {
	return &Snapshot{
		Format: Format, Lineage: lineage,
		Members: map[MemberID]Member{}, Roles: map[RoleID]Role{},
		Records: map[resource.Address]Record{}, Intents: map[IntentID]Intent{},
	}
}

// Lineage8 is what marks carry of the lineage.
func (s *Snapshot) Lineage8() string { return s.Lineage[:min(8, len(s.Lineage))] }

// CloudID is the cloud a state belongs to, recorded by its first apply, with further ones by the alias of their provider.
type CloudID struct {
	AuthURL     string             `json:"auth_url"`
	ProjectID   string             `json:"project_id"`
	ProjectName string             `json:"project_name"`
	Region      string             `json:"region"`
	Others      map[string]CloudID `json:"others,omitempty"`
}

// Is tells whether two are the same cloud, whatever their projects are called and whatever others there are.
func (c CloudID) Is(other CloudID) bool {
	return c.AuthURL == other.AuthURL && c.ProjectID == other.ProjectID && c.Region == other.Region
}

// Run is an apply of a saved plan that has begun and not ended.
type Run struct {
	PlanDigest string    `json:"plan_digest"`
	Begun      time.Time `json:"begun"`
	Who        string    `json:"who"`
}

// Slot is a place for one object of a member. The set is closed.
type Slot string

// The slots of an instance's member, in the order in which they are filled. The second group and port are those in the
// management network. A floating IP in its slot is one that we allocated. The account is at the message broker.
const (
	SlotSecurityGroup   Slot = "security_group"
	SlotPort            Slot = "port"
	SlotFloatingIP      Slot = "floating_ip"
	SlotManagementGroup Slot = "management_group"
	SlotManagementPort  Slot = "management_port"
	SlotAccount         Slot = "broker_account"
	SlotServerGroup     Slot = "server_group"
	SlotVolume          Slot = "volume"
	SlotServer          Slot = "server"
)

// Slots lists the slots in the order in which they are filled; they are emptied in the opposite one.
var Slots = []Slot{SlotSecurityGroup, SlotPort, SlotFloatingIP, SlotManagementGroup, SlotManagementPort, SlotAccount, SlotServerGroup, SlotVolume, SlotServer}

// Shared tells whether the object of a slot may be that of several machines.
func (s Slot) Shared() bool { return s == SlotSecurityGroup || s == SlotServerGroup }

// SlotsOf lists the slots that the machine of an instance has, in the same order. A server group is none of them: it counts
// when a server is made, and is not missed afterwards. Neither is an account at a broker: it is put back in place.
func SlotsOf(body *resource.Instance) []Slot {
	return slices.DeleteFunc(slices.Clone(Slots), func(slot Slot) bool {
		switch slot {
		case SlotServerGroup, SlotAccount:
			return true
		case SlotFloatingIP:
			return !body.Access.Public
		case SlotManagementGroup, SlotManagementPort:
			return !body.Managed()
		case SlotVolume:
			return body.Volume == nil
		default:
			return false
		}
	})
}

// Object is what is in a slot: of several slots with ports it is a port.
func (s Slot) Object() Slot {
	switch s {
	case SlotManagementGroup:
		return SlotSecurityGroup
	case SlotManagementPort:
		return SlotPort
	default:
		return s
	}
}

// Object is a thing in the cloud that we made.
type Object struct {
	ID     string   `json:"id"`
	Intent IntentID `json:"intent"` // that made it; in its mark
}

// Member is a machine, from the first object made for it until the last is gone; or, with a Key, a security group
// or server group that machines share: it has no other slot than that, and stands in the state as long as machines use it.
type Member struct {
	ID      MemberID        `json:"id"`
	Objects map[Slot]Object `json:"objects,omitempty"`
	// Key is the digest of what a shared group is for, as what it lets in: machines of which the same is asked use the same.
	// Empty: a machine.
	Key string `json:"key,omitempty"`
	// Groups are the shared groups of a machine: first the security group that its port has, then the one of its management
	// port, its server group and any that it is about to have or to leave. ManagementGroup says which of them the management
	// port has, ServerGroup which the server is made in.
	Groups          []MemberID `json:"groups,omitempty"`
	ManagementGroup MemberID   `json:"management_group,omitempty"`
	ServerGroup     MemberID   `json:"server_group,omitempty"`
	// Generation of the keys in force inside the guest: the first came with user-data, the next was set at first contact; 0:
	// it was never met.
	Generation int `json:"generation"`
	// Spent is the newest generation that a server of this member had that is gone: no key of it is used again.
	Spent int `json:"spent,omitempty"`
	// Rotating is the generation that is being set; 0: none. Until it is, either may be in force.
	Rotating int `json:"rotating,omitempty"`
	// MayHoldData is set with the intent of the first call that could have put data on the volume.
	MayHoldData bool `json:"may_hold_data,omitempty"`
	// Released by `state rm`: no record, role or intent names it. Its objects stay as they are; they are no orphans, and
	// nothing is planned for them until `import` takes the machine back.
	Released bool `json:"released,omitempty"`
	// Address is the guest's fixed address on the network of the instance; SSHPort is where its agent is reached, at
	// AgentAddress where that is another one.
	Address      string `json:"address,omitempty"`
	AgentAddress string `json:"agent_address,omitempty"`
	SSHPort      int    `json:"ssh_port,omitempty"` // 0: it is not reached over SSH
	// Transports are the ways to its agent that it has, the preferred one first; none: SSH alone. VHost is the shared one that
	// its account is in; empty: the account has one of its own.
	Transports []string `json:"transports,omitempty"`
	VHost      string   `json:"vhost,omitempty"`
	// FloatingAddress is that of its floating IP, whether that is its own or the user's.
	FloatingAddress string `json:"floating_address,omitempty"`
}

// ReachedAt is the address at which the agent is reached; empty: it is not known yet.
func (m Member) ReachedAt() string { return cmp.Or(m.AgentAddress, m.Address) }

// Leaving are the shared groups that neither the machine's ports nor its server have: it is about to have or to leave them.
func (m Member) Leaving() []MemberID {
	if len(m.Groups) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.Groups[1:]), func(group MemberID) bool { return group == m.ManagementGroup || group == m.ServerGroup })
}

// Generations are the generations of keys that may be in force in the guest, the newest first; none: it was never met.
func (m Member) Generations() []int {
	switch {
	case m.Generation == 0:
		return nil
	case m.Rotating != 0:
		return []int{m.Rotating, m.Generation}
	default:
		return []int{m.Generation}
	}
}

// Bereave notes that the server is gone, and its keys with it: the next one is born with keys that no other had.
func (m *Member) Bereave() {
	m.Spent = max(m.Spent, m.Generation, m.Rotating)
	m.Generation, m.Rotating = 0, 0
}

// Clone copies a member with its objects.
func (m Member) Clone() Member {
	m.Objects, m.Groups, m.Transports = maps.Clone(m.Objects), slices.Clone(m.Groups), slices.Clone(m.Transports)
	return m
}

// Role is what a member serves as.
type Role struct {
	ID     RoleID   `json:"id"`
	Member MemberID `json:"member"`
}

// Status of a record. The set is closed.
type Status string

// The statuses: Creating until every part is there, Ready, Failed with a fault, Deleting until everything is gone.
const (
	Creating Status = "creating"
	Ready    Status = "ready"
	Failed   Status = "failed"
	Deleting Status = "deleting"
)

var statuses = []Status{Creating, Ready, Failed, Deleting}

// Record is one resource as it was last applied.
type Record struct {
	Address   resource.Address
	Body      resource.Body
	Status    Status
	Fault     string // of Failed: the text of the cloud, the guest or the engine
	Protect   bool
	DependsOn []resource.Address // sorted; so that removal goes in the opposite order
	Member    MemberID           // an instance's slot; empty for kinds without a machine
	Role      RoleID             // an instance's role; a database's or user's instance's role
	Computed  map[string]string  // "address", "port", "image_id", ...
}

type recordJSON struct {
	Address   resource.Address   `json:"address"`
	Body      json.RawMessage    `json:"body"`
	Status    Status             `json:"status"`
	Fault     string             `json:"fault,omitempty"`
	Protect   bool               `json:"protect,omitempty"`
	DependsOn []resource.Address `json:"depends_on,omitempty"`
	Member    MemberID           `json:"member,omitempty"`
	Role      RoleID             `json:"role,omitempty"`
	Computed  map[string]string  `json:"computed,omitempty"`
}

// MarshalJSON writes the body by its kind.
func (r Record) MarshalJSON() ([]byte, error) {
	body, err := resource.EncodeBody(r.Body)
	if err != nil {
		return nil, fmt.Errorf("encoding the record of %s: %w", r.Address, err)
	}
	return json.Marshal(recordJSON{r.Address, body, r.Status, r.Fault, r.Protect, r.DependsOn, r.Member, r.Role, r.Computed})
}

// UnmarshalJSON reads what MarshalJSON wrote; the bytes are untrusted, and a field that is not known is an error: to
// drop it would lose what a newer version recorded.
func (r *Record) UnmarshalJSON(data []byte) error {
	var in recordJSON
	if err := decodeStrict(data, &in); err != nil {
		return err
	}
	body, err := resource.NewBody(in.Address.Kind)
	if err != nil {
		return err
	}
	if err := decodeStrict(in.Body, body); err != nil {
		return fmt.Errorf("record of %s: %w", in.Address, err)
	}
	*r = Record{in.Address, body, in.Status, in.Fault, in.Protect, in.DependsOn, in.Member, in.Role, in.Computed}
	return nil
}

// Direction of a step. The set is closed.
type Direction string

// The directions: a rerun goes on in the recorded one, from the top.
const (
	Forward Direction = "forward"
	Undo    Direction = "undo"
)

var directions = []Direction{Forward, Undo}

// Operation is what an intent does to its slot. The set is closed.
type Operation string

// The operations.
const (
	OpCreate Operation = "create" // fills the slot with a new object
	OpDelete Operation = "delete" // empties the slot
	OpCall   Operation = "call"   // changes an object, or asks the guest
)

var operations = []Operation{OpCreate, OpDelete, OpCall}

// Intent is a change that was about to be made: durable before the call, ended in the transaction that records what came
// of it.
type Intent struct {
	ID          IntentID         `json:"id"`
	Address     resource.Address `json:"address"` // informative: what it was done for
	Member      MemberID         `json:"member"`
	Slot        string           `json:"slot"` // a Slot, or for calls "what/whom", such as "put_user/user.app"
	Operation   Operation        `json:"operation"`
	Direction   Direction        `json:"direction"`
	Digest      string           `json:"digest,omitempty"` // of what is asked, without secrets: same digest, same request
	MayHoldData bool             `json:"may_hold_data,omitempty"`
	Begun       time.Time        `json:"begun"`
}

// Open finds the open intent of a member's slot. It looks through the open intents, which are as many as were in flight;
// OpenByPlace serves those who ask for every member.
func (s *Snapshot) Open(member MemberID, slot string) (Intent, bool) {
	for _, in := range s.Intents {
		if in.Member == member && in.Slot == slot {
			return in, true
		}
	}
	return Intent{}, false
}

// Place is a slot of a member.
type Place struct {
	Member MemberID
	Slot   string
}

// OpenByPlace lists the open intents by the place they change.
func (s *Snapshot) OpenByPlace() map[Place]Intent {
	out := make(map[Place]Intent, len(s.Intents))
	for _, in := range s.Intents {
		out[Place{in.Member, in.Slot}] = in
	}
	return out
}

// MemberOf is the member that serves as the role of a record: the machine that its databases and users live on.
func (s *Snapshot) MemberOf(role RoleID) (Member, bool) {
	r, ok := s.Roles[role]
	if !ok {
		return Member{}, false
	}
	m, ok := s.Members[r.Member]
	return m, ok
}

// Object is what a member has in a slot: an object of its own, or a group that it shares.
func (s *Snapshot) Object(id MemberID, slot Slot) (Object, bool) {
	m := s.Members[id]
	switch {
	case slot == SlotSecurityGroup && len(m.Groups) > 0:
		m = s.Members[m.Groups[0]]
	case slot == SlotManagementGroup:
		m, slot = s.Members[m.ManagementGroup], SlotSecurityGroup
	case slot == SlotServerGroup && m.ServerGroup != "":
		m = s.Members[m.ServerGroup]
	}
	o, filled := m.Objects[slot]
	return o, filled
}

// Sorted lists the records by address.
func (s *Snapshot) Sorted() []Record {
	return slices.SortedFunc(maps.Values(s.Records), func(a, b Record) int { return a.Address.Compare(b.Address) })
}
