package view

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/executor"
)

// frame is the time between two drawings: eight in a second.
const frame = 125 * time.Millisecond

// Follow shows an apply of so many steps while it runs. watch takes its events, from any goroutine; stop ends the showing,
// MUST be called, and MAY be called again. At a terminal the running steps stand in a live area below everything else;
// elsewhere each event is a line, and so is every ten seconds of a step that goes on.
//
// The cursor is never hidden and stays below the area, so that a killed run leaves the terminal as it was.
func (h *Human) Follow(clock executor.Clock, steps int) (watch func(executor.Event), stop func()) {
	if h.Screen == nil || steps == 0 {
		return follow(clock, steps, h.Event, func(b *board, now time.Time) { b.overdue(now, h.still) })
	}
	h.mu.Lock()
	h.area = &area{}
	h.mu.Unlock()
	watch, end := follow(clock, steps, h.scroll, h.draw)
	return watch, func() {
		end()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.clear()
		h.area = nil
	}
}

// Follow writes a line for each event, and for every ten seconds of a step that goes on.
func (m *Machine) Follow(clock executor.Clock, steps int) (watch func(executor.Event), stop func()) {
	return follow(clock, steps, m.Event, func(b *board, now time.Time) { b.overdue(now, m.still) })
}

// follow keeps a board, hands each event on, and looks at the board once in each frame.
func follow(clock executor.Clock, steps int, tell func(executor.Event), look func(*board, time.Time)) (watch func(executor.Event), stop func()) {
	var mu sync.Mutex
	b := &board{steps: steps, begun: clock.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for clock.Sleep(ctx, frame) == nil {
			mu.Lock()
			look(b, clock.Now())
			mu.Unlock()
		}
	}()
	watch = func(e executor.Event) {
		mu.Lock()
		defer mu.Unlock()
		b.take(e, clock.Now())
		tell(e)
	}
	return watch, func() {
		cancel()
		<-ended
	}
}

// scroll puts aside what is to stand above the area: what has ended. The next drawing writes it.
func (h *Human) scroll(e executor.Event) {
	switch e.(type) {
	case executor.Started, executor.Progress: // the area shows them
		return
	}
	columns, _ := h.Screen()
	out := newPage(h.Color, columns)
	event(out, e)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.area.above.WriteString(out.text.String())
}

// draw replaces the area by the board as it is now, in one piece.
func (h *Human) draw(b *board, now time.Time) {
	columns, rows := h.Screen()
	if columns <= 0 || rows <= 0 {
		return
	}
	out := newPage(h.Color, columns)
	out.width = max(1, columns-1) // a line that fills the last column would wrap on some terminals
	lines := b.render(out, rows, now)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.area.draw(h.Out, lines, columns)
}

// clear makes room for what is written without the area; the next drawing brings it back. The caller holds the lock.
func (h *Human) clear() {
	if h.area == nil {
		return
	}
	columns, _ := h.Screen()
	_, _ = io.WriteString(h.Out, h.area.erase(columns)+h.area.above.String())
	*h.area = area{}
}

// area is the live part of a screen: what is drawn now, and what is to scroll above it with the next drawing.
type area struct {
	above   strings.Builder
	drawn   []string
	columns int // of the screen when it was drawn
}

// draw writes what differs from what stands there.
func (a *area) draw(to io.Writer, lines []string, columns int) {
	if a.above.Len() == 0 && a.columns == columns && slices.Equal(a.drawn, lines) {
		return
	}
	text := a.erase(columns) + a.above.String() + strings.Join(lines, "\n") + "\n"
	a.above.Reset()
	a.drawn, a.columns = lines, columns
	_, _ = io.WriteString(to, text)
}

// erase leads back to the first line of the area and clears the screen from there. On a screen that has become narrower
// its lines take more rows than when they were drawn.
func (a *area) erase(columns int) string {
	rows := 0
	for _, line := range a.drawn {
		rows++
		if columns > 0 {
			rows += max(0, cells(unpainted(line))-1) / columns
		}
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", rows)
}

// unpainted is what remains of a line without the renditions that paint puts around its parts.
func unpainted(line string) string {
	var b strings.Builder
	for {
		from := strings.Index(line, "\x1b[")
		if from < 0 {
			b.WriteString(line)
			return b.String()
		}
		b.WriteString(line[:from])
		to := strings.IndexByte(line[from:], 'm')
		if to < 0 {
			return b.String()
		}
		line = line[from+to+1:]
	}
}
