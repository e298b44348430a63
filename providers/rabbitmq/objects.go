package rabbitmq

import (
	"encoding/json"
	"strings"

	"github.com/trovectl/trovectl/providers"
)

// The objects of the management API, as far as accounts are made of them.
type (
	vhost struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	user struct {
		Name         string         `json:"name,omitempty"`
		Password     string         `json:"password,omitempty"`
		PasswordHash *string        `json:"password_hash,omitempty"` // "": none, and only a certificate lets it in
		Algorithm    string         `json:"hashing_algorithm,omitempty"`
		Tags         names          `json:"tags"`
		Limits       map[string]int `json:"limits,omitempty"`
	}
	permission struct {
		User      string `json:"user,omitempty"`
		VHost     string `json:"vhost,omitempty"`
		Exchange  string `json:"exchange,omitempty"` // of a topic permission
		Configure string `json:"configure"`
		Write     string `json:"write"`
		Read      string `json:"read"`
	}
	vhostLimits struct {
		VHost string         `json:"vhost"`
		Value map[string]int `json:"value"`
	}
	policy struct {
		VHost      string     `json:"vhost,omitempty"`
		Name       string     `json:"name,omitempty"`
		Pattern    string     `json:"pattern"`
		ApplyTo    string     `json:"apply-to"`
		Priority   int        `json:"priority"`
		Definition definition `json:"definition"`
	}
	definition struct {
		MaxLength  int    `json:"max-length,omitempty"`
		MaxBytes   int    `json:"max-length-bytes,omitempty"`
		Overflow   string `json:"overflow,omitempty"`
		Expires    int    `json:"message-ttl,omitempty"`
		DeadLetter string `json:"dead-letter-exchange,omitempty"`
	}
)

func (p permission) plain() providers.Permission {
	return providers.Permission{Configure: p.Configure, Write: p.Write, Read: p.Read}
}

func (p policy) plain() providers.Policy {
	return providers.Policy{
		Pattern: p.Pattern, Priority: p.Priority, MaxLength: p.Definition.MaxLength, MaxBytes: p.Definition.MaxBytes,
		Overflow: p.Definition.Overflow, Expires: p.Definition.Expires, DeadLetter: p.Definition.DeadLetter,
	}
}

func policyOf(p providers.Policy) policy {
	return policy{
		Pattern: p.Pattern, ApplyTo: "queues", Priority: p.Priority,
		Definition: definition{p.MaxLength, p.MaxBytes, p.Overflow, p.Expires, p.DeadLetter},
	}
}

// names is a list of names, which older brokers write with commas.
type names []string

// UnmarshalJSON reads both forms.
func (n *names) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		return json.Unmarshal(data, (*[]string)(n))
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*n = nil
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*n = append(*n, name)
		}
	}
	return nil
}

// mark finds the mark among a user's tags, and the tags beside it.
func (u user) mark() (mark providers.Mark, others []string) {
	for _, tag := range u.Tags {
		if m := providers.ParseMark(tag); !m.IsZero() {
			mark = m
			continue
		}
		others = append(others, tag)
	}
	return mark, others
}
