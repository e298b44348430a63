package command

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScreen: something is drawn only where a person looks at a terminal that can be drawn on.
func TestScreen(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 132}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []env{{}, {"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}, {"TERM": "xterm", "TROVE_IN_AUTOMATION": "1"}, {"TERM": "xterm", "TROVE_LOG": "debug"}} {
		if screen(terminal, e) != nil {
			t.Errorf("with %v something would be drawn", e)
		}
	}
	if screen(&bytes.Buffer{}, env{"TERM": "xterm"}) != nil {
		t.Error("something would be drawn into a pipe")
	}
	size := screen(terminal, env{"TERM": "xterm", "NO_COLOR": "1"})
	if size == nil {
		t.Fatal("nothing would be drawn on a terminal")
	}
	if columns, rows := size(); columns != 132 || rows != 24 {
		t.Errorf("the size is %d x %d", columns, rows)
	}
}
