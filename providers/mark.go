package providers

import (
	"fmt"
	"regexp"
	"strings"
)

// MarkKey is the metadata key that carries a mark where a service has metadata.
const MarkKey = "trovectl"

// AddressKey is the metadata key of the informative address; never used to find anything.
const AddressKey = "trovectl_address"

// LineageKey is the metadata key of a server with the whole lineage that its mark begins with, and GenerationKey that with
// the newest generation of keys that may be in force in its guest; the one before may be still. With the master key they
// are all that is needed to come into a guest whose state is lost.
const (
	LineageKey    = "trovectl_lineage"
	GenerationKey = "trovectl_generation"
)

// ManagementPortKey is the metadata key of a server with the id of its port in the management network: the marks of its two
// ports do not tell which is which.
const ManagementPortKey = "trovectl_management_port"

// Mark says whose an object is: "trovectl/1 LINEAGE8 MEMBER INTENT", at most 64 ASCII characters. Every create call
// carries one, in metadata where the service has it, else in the description.
type Mark struct {
	Lineage string // the first eight characters of the state's lineage
	Member  string // the member the object belongs to
	Intent  string // the intent that made it
}

var markForm = regexp.MustCompile(`^trovectl/1 ([a-z0-9]{8}) ([a-z0-9]{1,20}) ([a-z0-9]{1,22})$`)

// String writes the mark, or "" for the zero mark.
func (m Mark) String() string {
	if m == (Mark{}) {
		return ""
	}
	return fmt.Sprintf("trovectl/1 %s %s %s", m.Lineage, m.Member, m.Intent)
}

// IsZero tells whether there is no mark.
func (m Mark) IsZero() bool { return m == Mark{} }

// Valid tells whether the mark has its form, so that ParseMark reads back what String writes.
func (m Mark) Valid() error {
	if !markForm.MatchString(m.String()) {
		return fmt.Errorf("mark %q has not the form trovectl/1 LINEAGE8 MEMBER INTENT", m.String())
	}
	return nil
}

// maxMarkedName is the longest name that Nova takes, in characters.
const maxMarkedName = 255

// MarkedName puts the mark behind a name, of what has no other place for it. A long name is cut.
func MarkedName(name string, mark Mark) string {
	text := []rune(name)
	return string(text[:min(len(text), maxMarkedName-len(mark.String())-1)]) + " " + mark.String()
}

// UnmarkName takes apart what MarkedName wrote; another name has no mark.
func UnmarkName(text string) (name string, mark Mark) {
	i := strings.LastIndex(text, " trovectl/")
	if i < 0 {
		return text, Mark{}
	}
	if mark = ParseMark(text[i:]); mark.IsZero() {
		return text, mark
	}
	return text[:i], mark
}

// ParseMark reads a mark from an untrusted text. Text that is not exactly a mark gives the zero mark.
func ParseMark(text string) Mark {
	parts := markForm.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return Mark{}
	}
	return Mark{Lineage: parts[1], Member: parts[2], Intent: parts[3]}
}
