package providers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/providers"
)

func TestMarksAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := providers.Mark{
			Lineage: rapid.StringMatching(`[a-z0-9]{8}`).Draw(t, "lineage"),
			Member:  rapid.StringMatching(`[a-z0-9]{1,20}`).Draw(t, "member"),
			Intent:  rapid.StringMatching(`[a-z0-9]{1,22}`).Draw(t, "intent"),
		}
		if err := mark.Valid(); err != nil {
			t.Fatal(err)
		}
		if text := mark.String(); providers.ParseMark(text) != mark || len(text) > 64 {
			t.Fatalf("%+v is written %q (%d characters), read %+v", mark, text, len(text), providers.ParseMark(text))
		}
	})
}

func TestTextsThatAreNoMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if mark := providers.ParseMark(text); !mark.IsZero() && mark.Valid() != nil {
			t.Fatalf("%q is read as the invalid %+v", text, mark)
		}
	})
	for _, text := range []string{"", "trovectl/1", "trovectl/2 abcd0123 m i", "trovectl/1 ABCD0123 m i", "see trovectl/1 abcd0123 m i", "trovectl/1 abcd0123 m i x"} {
		if mark := providers.ParseMark(text); !mark.IsZero() {
			t.Errorf("%q is read as %+v", text, mark)
		}
	}
}

func TestErrorsNameCallKindAndRequest(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("making the volume: %w", &providers.Error{
		Kind: providers.KindQuota, Call: "create volume", Status: 413, Message: "too many", RequestID: "req-1", Err: cause,
	})
	if want := "making the volume: create volume: quota (413): too many [req-1]"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if !providers.IsKind(err, providers.KindQuota) || providers.IsKind(err, providers.KindConflict) || providers.IsKind(cause, providers.KindQuota) || !errors.Is(err, cause) {
		t.Errorf("%v has the wrong kind or cause", err)
	}
}

func TestRulesAreSorted(t *testing.T) {
	rules := []providers.Rule{{ID: "1", Port: 3306, CIDR: "b"}, {ID: "2", Port: 22, CIDR: "z"}, {ID: "3", Other: "udp"}, {ID: "4", Port: 3306, CIDR: "a"}}
	providers.SortRules(rules)
	var order string
	for _, r := range rules {
		order += r.ID
	}
	if diff := cmp.Diff("3241", order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
