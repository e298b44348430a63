package view_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

func TestHistory(t *testing.T) {
	orders := resource.Address{Kind: resource.KindInstance, Name: "orders"}
	entries := []state.Entry{
		{
			Serial: 7, At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Who: "anna@build1", Operation: "apply",
			Pipeline: "https://ci.example.org/jobs/7\x1b[31m", Changes: []state.Change{
				{Kind: state.ChangeMember, Detail: "aaaaaaaaaaaa"}, {Kind: state.ChangeEnded, Address: orders, Detail: "create server"},
				{Kind: state.ChangeRecorded, Address: orders, Detail: "ready"},
			},
		},
		{
			Serial: 8, At: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Who: "bert@laptop", Operation: "state rm",
			Changes: []state.Change{{Kind: state.ChangeForgotten, Address: orders}}, More: 2,
		},
	}
	var out bytes.Buffer
	(&view.Human{Out: &out}).History(entries)
	want := `#7 2026-03-01 10:00:00 UTC  apply by anna@build1
  https://ci.example.org/jobs/7\u001b[31m
  machine     aaaaaaaaaaaa
  ended       instance.orders (create server)
  recorded    instance.orders (ready)
#8 2026-03-02 10:00:00 UTC  state rm by bert@laptop
  forgotten   instance.orders
  and 2 more changes
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err := view.HistoryJSON(entries)
	if err != nil || !strings.Contains(string(data), `{"change":"recorded","address":"instance.orders","detail":"ready"}`) || bytes.ContainsRune(data, 0x1b) {
		t.Errorf("%s, %v", data, err)
	}
}
