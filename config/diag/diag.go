// Package diag is what we tell a user: how bad it is, what is wrong, where it stands, why, and what to do.
package diag

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Severity tells errors from warnings.
type Severity string

// The two severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Pos is a place in a file. Line and Column count from 1, Column in characters; Byte counts from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a stretch of a file; Filename is relative to the configuration's directory.
type Range struct {
	Filename string `json:"filename"`
	Start    Pos    `json:"start"`
	End      Pos    `json:"end"`
}

// String is "main.trove.hcl:12,3-9", as HCL writes it.
func (r Range) String() string {
	if r.Start.Line == r.End.Line {
		return fmt.Sprintf("%s:%d,%d-%d", r.Filename, r.Start.Line, r.Start.Column, r.End.Column)
	}
	return fmt.Sprintf("%s:%d,%d-%d,%d", r.Filename, r.Start.Line, r.Start.Column, r.End.Line, r.End.Column)
}

// Diagnostic is one thing to tell. Summary is a short sentence without a full stop; Detail says why; Hint says what to
// do. None of them ever holds a secret.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code,omitempty"` // stable, such as "password-literal"; warnings have one
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Address  string   `json:"address,omitempty"` // of the resource it is about
	Subject  *Range   `json:"range,omitempty"`   // what to point at
	Context  *Range   `json:"-"`                 // how much source to show around it; nil: the subject's lines
}

// List is any number of diagnostics; nil is empty.
type List []Diagnostic

// Errorf appends an error at a place (nil: nowhere).
func (l List) Errorf(at *Range, summary, detail string, args ...any) List {
	return append(l, Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: at})
}

// Warnf appends a warning with its code at a place (nil: nowhere).
func (l List) Warnf(code string, at *Range, summary, detail string, args ...any) List {
	return append(l, Diagnostic{Severity: Warning, Code: code, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: at})
}

// HasErrors tells whether one of them is an error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Sort orders them by place, then severity and summary, so that the same input gives the same output.
func (l List) Sort() {
	sort.SliceStable(l, func(i, j int) bool { return l[i].sortKey() < l[j].sortKey() })
}

func (d Diagnostic) sortKey() string {
	place := "~"
	if d.Subject != nil {
		place = fmt.Sprintf("%s\x00%09d\x00%09d", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
	}
	return strings.Join([]string{place, string(d.Severity), d.Address, d.Summary, d.Detail}, "\x00")
}

// Err is nil without errors, else one error that names them all.
func (l List) Err() error {
	var all []error
	for _, d := range l {
		if d.Severity == Error {
			text := d.Summary
			if d.Detail != "" {
				text += ": " + d.Detail
			}
			all = append(all, errors.New(text))
		}
	}
	return errors.Join(all...)
}
