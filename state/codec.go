package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

// decodeStrict reads one JSON value with no unknown field and nothing after it.
func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the end of the value")
	}
	return nil
}

// normal is a value as a store would give it back, with the bytes that a store would keep. The result shares nothing with
// the argument.
func normal[T any](v T) (T, []byte, error) {
	var out T
	data, err := json.Marshal(v)
	if err != nil {
		return out, nil, err
	}
	return out, data, decodeStrict(data, &out)
}

// Encode writes a whole state as indented JSON with sorted keys: the same state gives the same bytes. There is no secret
// in it.
func Encode(s *Snapshot) ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	return append(data, '\n'), nil
}

// Decode reads what Encode wrote; the bytes are untrusted. It is strict: ErrNewer for a newer format, ErrCorrupt for
// anything that it does not understand in whole. It does not Check.
func Decode(data []byte) (*Snapshot, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decoding the state: %w: %w", ErrCorrupt, err)
	}
	if err := checkFormat(head.Format); err != nil {
		return nil, err
	}
	s := Empty("")
	if err := decodeStrict(data, s); err != nil {
		return nil, fmt.Errorf("decoding the state: %w: %w", ErrCorrupt, err)
	}
	if s.Lineage == "" {
		return nil, fmt.Errorf("decoding the state: %w: it has no lineage", ErrCorrupt)
	}
	for id, m := range s.Members {
		if m.ID != id {
			return nil, fmt.Errorf("decoding the state: %w: member %s stands under %s", ErrCorrupt, m.ID, id)
		}
	}
	for id, r := range s.Roles {
		if r.ID != id {
			return nil, fmt.Errorf("decoding the state: %w: role %s stands under %s", ErrCorrupt, r.ID, id)
		}
	}
	for address, r := range s.Records {
		if r.Address != address {
			return nil, fmt.Errorf("decoding the state: %w: the record of %s stands under %s", ErrCorrupt, r.Address, address)
		}
	}
	for id, in := range s.Intents {
		if in.ID != id {
			return nil, fmt.Errorf("decoding the state: %w: intent %s stands under %s", ErrCorrupt, in.ID, id)
		}
	}
	s.fill()
	return s, nil
}

// checkFormat is ErrNewer for a format of the future and ErrCorrupt for one that never was.
func checkFormat(format int) error {
	switch {
	case format > Format:
		return fmt.Errorf("%w: its format is %d, this one reads up to %d; use the newer trovectl", ErrNewer, format, Format)
	case format < 1:
		return fmt.Errorf("%w: there is no format %d", ErrCorrupt, format)
	default:
		return nil
	}
}

// DecodeRecord reads one record as a store keeps it; the bytes are untrusted.
func DecodeRecord(data []byte) (Record, error) {
	var r Record
	if err := decodeStrict(data, &r); err != nil {
		return Record{}, fmt.Errorf("decoding a record: %w", err)
	}
	return r, nil
}

// Clone is a deep copy. Secrets that a body carries are not copied, as no store keeps them.
func (s *Snapshot) Clone() *Snapshot {
	out := *s
	if s.Cloud != nil {
		cloud := *s.Cloud
		cloud.Others = maps.Clone(cloud.Others)
		out.Cloud = &cloud
	}
	if s.Run != nil {
		run := *s.Run
		out.Run = &run
	}
	out.Members = make(map[MemberID]Member, len(s.Members))
	for id, m := range s.Members {
		out.Members[id] = m.Clone()
	}
	out.Roles = make(map[RoleID]Role, len(s.Roles))
	for id, r := range s.Roles {
		out.Roles[id] = r
	}
	out.Records = make(map[resource.Address]Record, len(s.Records))
	for address, r := range s.Records {
		out.Records[address] = r.Clone()
	}
	out.Intents = make(map[IntentID]Intent, len(s.Intents))
	for id, in := range s.Intents {
		out.Intents[id] = in
	}
	return &out
}

// Clone is a deep copy, without the secrets that the body may carry.
func (r Record) Clone() Record {
	r.DependsOn = slices.Clone(r.DependsOn)
	r.Computed = maps.Clone(r.Computed)
	if r.Body != nil {
		r.Body = cloneBody(r.Body)
	}
	return r
}

// cloneBody goes through the encoding, which every kind has: a new kind needs no line here.
func cloneBody(b resource.Body) resource.Body {
	data, err := resource.EncodeBody(b)
	if err != nil {
		panic(fmt.Sprintf("encoding a recorded %s: %v", b.Kind(), err)) // structs of text and numbers always encode
	}
	out, err := resource.DecodeBody(b.Kind(), data)
	if err != nil {
		panic(fmt.Sprintf("decoding a recorded %s: %v", b.Kind(), err))
	}
	return out
}

// fill makes the maps that are nil.
func (s *Snapshot) fill() {
	if s.Members == nil {
		s.Members = map[MemberID]Member{}
	}
	if s.Roles == nil {
		s.Roles = map[RoleID]Role{}
	}
	if s.Records == nil {
		s.Records = map[resource.Address]Record{}
	}
	if s.Intents == nil {
		s.Intents = map[IntentID]Intent{}
	}
}
