package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func making(key string) plan.Step {
	at := resource.Address{Kind: resource.KindInstance, Name: "shop", Key: resource.TextKey(key)}
	return plan.Step{ID: "create " + at.String(), Action: plan.Create, Address: at}
}

// busy is a board in the middle of an apply.
func busy() *board {
	b := &board{steps: 60, begun: start}
	for i, key := range []string{"berlin", "京都東京大阪名古屋横浜札幌", "köln", "a\x1b[2J", "a place with a name that is longer than any line should ever be"} {
		b.take(executor.Started{Step: making(key)}, start.Add(time.Duration(i)*7*time.Second))
	}
	b.take(executor.Progress{Step: making("berlin"), Text: "waiting for server 0dd6570c-cbb9-4635-9c1e-1d2e3f4a5b6c, which the cloud still builds\x1b["}, start)
	b.take(executor.Progress{Step: making("köln"), Text: "漢字で書かれた長い説明が続いて終わらない、まだ終わらない、もっと続いて行く"}, start)
	for i := range 12 {
		step := making(fmt.Sprint(i))
		b.take(executor.Started{Step: step}, start)
		b.take(executor.Done{Step: step}, start)
	}
	failed := making("failed")
	b.take(executor.Started{Step: failed}, start)
	b.take(executor.Failure{Step: failed, Err: errors.New("no")}, start)
	b.take(executor.Skipped{Step: making("skipped")}, start)
	return b
}

func TestBoardGolden(t *testing.T) {
	const name = "testdata/board.txtar"
	made, order := map[string]string{}, []string(nil)
	for _, size := range [][2]int{{80, 30}, {160, 50}, {80, 8}, {40, 30}, {20, 4}} {
		member := fmt.Sprintf("%dx%d", size[0], size[1])
		out := newPage(false, size[0])
		made[member] = strings.Join(busy().render(out, size[1], start.Add(92*time.Second)), "\n") + "\n"
		order = append(order, member)
	}
	made["color"] = strings.Join(busy().render(newPage(true, 80), 30, start.Add(92*time.Second)), "\n") + "\n"
	golden(t, name, made, append(order, "color")...)
}

func TestBoardFitsEveryScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &board{steps: rapid.IntRange(0, 99).Draw(t, "steps"), begun: start}
		for i := range rapid.IntRange(0, 9).Draw(t, "running") {
			step := making(nasty().Draw(t, "key") + fmt.Sprint(i))
			b.take(executor.Started{Step: step}, start)
			b.take(executor.Progress{Step: step, Text: nasty().Draw(t, "text")}, start)
		}
		out := &page{width: rapid.IntRange(1, 200).Draw(t, "columns")}
		rows := rapid.IntRange(1, 60).Draw(t, "rows")
		lines := b.render(out, rows, start.Add(time.Hour))
		if len(lines) > max(2, rows/2) {
			t.Fatalf("%d lines on %d rows", len(lines), rows)
		}
		for _, line := range lines {
			checkText(t, line)
			if n := cells(line); out.width >= 30 && n > out.width {
				t.Fatalf("%d cells of %d: %q", n, out.width, line)
			}
		}
	})
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"漢字", 4, "漢字"}, {"漢字", 3, "漢…"}, {"漢字", 2, "…"}, {"a漢字", 3, "a…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"", 0, ""},
	} {
		if got := truncate(c.in, c.width); got != c.want || cells(got) > c.width {
			t.Errorf("%q in %d columns: %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

// TestHeartbeats: where nothing can be drawn, a step that goes on is told every ten seconds.
func TestHeartbeats(t *testing.T) {
	b, told := &board{begun: start}, []string(nil)
	step := making("x")
	b.take(executor.Started{Step: step}, start)
	for second := range 61 {
		b.overdue(start.Add(time.Duration(second)*time.Second), func(s plan.Step, d time.Duration) {
			told = append(told, fmt.Sprintf("%d: %s", second, stillText(s, d)))
		})
	}
	want := []string{
		"10: Still creating... [10s elapsed]", "20: Still creating... [20s elapsed]", "30: Still creating... [30s elapsed]",
		"40: Still creating... [40s elapsed]", "50: Still creating... [50s elapsed]", "60: Still creating... [1m0s elapsed]",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
