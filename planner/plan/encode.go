package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrNewer is a plan that a newer trovectl wrote.
var ErrNewer = errors.New("the plan was written by a newer trovectl")

// Encode writes a plan as indented JSON with a line feed at its end: the same plan gives the same bytes. It holds no secret.
func Encode(p *Plan) ([]byte, error) {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding a plan: %w", err)
	}
	return append(data, '\n'), nil
}

// Decode reads what Encode wrote, from untrusted bytes. Another format than Format, a field that is not known, an action
// that there is not, or a need that names no step is an error; a newer format is ErrNewer.
func Decode(data []byte) (*Plan, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	if head.Format > Format {
		return nil, fmt.Errorf("reading a plan of format %d: %w", head.Format, ErrNewer)
	}
	p := &Plan{}
	if err := decodeStrict(data, p); err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	return p, nil
}

// Digest is the SHA-256 of the encoded plan, in hex: what `apply PLAN -expect-digest` compares and a run records.
func Digest(p *Plan) string {
	data, err := Encode(p)
	if err != nil {
		panic(err) // every value in a plan is made here and encodes
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber() // a number is written again as it was read
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after its end")
	}
	return nil
}

// check looks for what an executor could not obey.
func (p *Plan) check() error {
	if p.Format != Format {
		return fmt.Errorf("the format is %d, not %d", p.Format, Format)
	}
	switch p.Mode {
	case ModeApply, ModeDestroy, ModeRefresh, ModeRotate:
	default:
		return fmt.Errorf("there is no mode %q", p.Mode)
	}
	for _, r := range p.Prior {
		if r.Body.Body == nil || r.Body.Kind() != r.Address.Kind {
			return fmt.Errorf("it does not say what %s was", r.Address)
		}
	}
	ids := make(map[string]bool, len(p.Steps))
	for _, s := range p.Steps {
		if s.ID == "" || ids[s.ID] {
			return fmt.Errorf("the step id %q is empty or stands twice", s.ID)
		}
		for _, need := range s.Needs {
			if !ids[need] {
				return fmt.Errorf("the step %s needs %q, which is no step before it", s.ID, need)
			}
		}
		ids[s.ID] = true
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Step) check() error {
	switch s.Action {
	case Create, Update:
		if s.After.Body == nil || s.After.Kind() != s.Address.Kind {
			return fmt.Errorf("the step %s does not say what %s is to be", s.ID, s.Address)
		}
	case Delete:
		if s.Address.IsZero() {
			return fmt.Errorf("the step %s names nothing to delete", s.ID)
		}
	case DeleteOrphan:
		if s.Orphan == nil {
			return fmt.Errorf("the step %s names no orphan", s.ID)
		}
	default:
		return fmt.Errorf("the step %s has an action %q, which there is not", s.ID, s.Action)
	}
	if s.Before.Body != nil && s.Before.Kind() != s.Address.Kind {
		return fmt.Errorf("the step %s tells a %s of what %s was", s.ID, s.Before.Kind(), s.Address)
	}
	return nil
}
