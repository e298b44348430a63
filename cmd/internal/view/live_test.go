package view

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/executor"
)

// steppedClock stands still until a test lets a frame pass.
type steppedClock struct {
	mu     sync.Mutex
	now    time.Time
	frames chan struct{}
	asleep chan struct{} // the sleeper waits for the next frame: the last one has been drawn
}

func newSteppedClock() *steppedClock {
	return &steppedClock{now: start, frames: make(chan struct{}), asleep: make(chan struct{}, 1)}
}

func (c *steppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *steppedClock) Sleep(ctx context.Context, d time.Duration) error {
	c.asleep <- struct{}{}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.frames:
		c.mu.Lock()
		c.now = c.now.Add(d)
		c.mu.Unlock()
		return nil
	}
}

// frame lets one frame pass and returns when it has been drawn.
func (c *steppedClock) frame() {
	<-c.asleep
	c.frames <- struct{}{}
	<-c.asleep
	c.asleep <- struct{}{}
}

// glass is as much of a terminal as the area needs: it says what a person sees, and refuses everything else.
type glass struct {
	rows []string
	y    int
}

var escape = regexp.MustCompile(`^\x1b\[(\d*)([AJ])`)

func (g *glass) write(t *testing.T, data string, columns int) {
	t.Helper()
	for data != "" {
		if g.y >= len(g.rows) {
			g.rows = append(g.rows, "")
		}
		switch found := escape.FindStringSubmatch(data); {
		case found != nil && found[2] == "A":
			n, _ := strconv.Atoi(found[1])
			if g.y -= n; g.y < 0 {
				t.Fatalf("the cursor leaves the screen")
			}
			data = data[len(found[0]):]
		case found != nil:
			g.rows = g.rows[:g.y]
			data = data[len(found[0]):]
		case data[0] == '\r':
			data = data[1:]
		case data[0] == '\n':
			g.y++
			data = data[1:]
		case data[0] == 0x1b:
			t.Fatalf("an escape that nobody asked for: %q", data[:min(len(data), 12)])
		default:
			end := strings.IndexAny(data, "\r\n\x1b")
			if end < 0 {
				end = len(data)
			}
			if columns > 0 && cells(data[:end]) >= columns {
				t.Fatalf("a line wraps at %d columns: %q", columns, data[:end])
			}
			g.rows[g.y] += data[:end]
			data = data[end:]
		}
	}
}

func (g *glass) text() string { return strings.TrimRight(strings.Join(g.rows, "\n"), "\n") }

func TestLiveArea(t *testing.T) {
	clock, screen, out := newSteppedClock(), &glass{}, &bytes.Buffer{}
	columns := 80
	h := &Human{Out: out, Err: out, Screen: func() (int, int) { return columns, 24 }}
	watch, stop := h.Follow(clock, 3)
	see := func(want string) {
		t.Helper()
		screen.write(t, out.String(), columns)
		out.Reset()
		equal(t, screen.text(), want)
	}
	first, second := making("a"), making("b")
	watch(executor.Started{Step: first})
	watch(executor.Started{Step: second})
	watch(executor.Progress{Step: second, Text: "waiting for server 1"})
	see("") // nothing is drawn outside of the frames
	clock.frame()
	see(`  instance.shop["a"]  creating                                               0s
  instance.shop["b"]  waiting for server 1                                   0s
  [....................]  0/3, 2 running  0s`)
	clock.frame()
	if out.Len() > 0 {
		t.Errorf("a frame without news is drawn: %q", out)
	}
	watch(executor.Done{Step: first, Took: time.Second})
	h.Note("Interrupt received.")
	see("instance.shop[\"a\"]: Creation complete after 1s\nInterrupt received.")
	clock.frame()
	see(`instance.shop["a"]: Creation complete after 1s
Interrupt received.
  instance.shop["b"]  waiting for server 1                                   0s
  [======..............]  1/3, 1 running  0s`)
	watch(executor.Done{Step: second, Took: time.Second})
	stop()
	stop()
	h.Note("The end.")
	see(`instance.shop["a"]: Creation complete after 1s
Interrupt received.
instance.shop["b"]: Creation complete after 1s
The end.`)
}

// TestLiveAreaAfterResize: lines that were drawn on a wide screen take more rows on a narrow one, and all of them go.
func TestLiveAreaAfterResize(t *testing.T) {
	clock, out := newSteppedClock(), &bytes.Buffer{}
	columns := 160
	h := &Human{Out: out, Err: out, Color: true, Screen: func() (int, int) { return columns, 24 }}
	watch, stop := h.Follow(clock, 3)
	defer stop()
	watch(executor.Started{Step: making("a")})
	clock.frame()
	columns = 50 // 159 columns take four rows, and the line of the counts one
	out.Reset()
	clock.frame()
	if want := "\x1b[5A\r\x1b[J"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %q, want it to begin with %q", out.String(), want)
	}
}

func TestFollowWithoutScreen(t *testing.T) {
	clock, out := newSteppedClock(), &bytes.Buffer{}
	h := &Human{Out: out, Err: out}
	watch, stop := h.Follow(clock, 1)
	watch(executor.Started{Step: making("a")})
	for range 80 {
		clock.frame()
	}
	watch(executor.Done{Step: making("a"), Took: 10 * time.Second})
	stop()
	equal(t, out.String(), `instance.shop["a"]: Creating...
instance.shop["a"]: Still creating... [10s elapsed]
instance.shop["a"]: Creation complete after 10s
`)
	lines := &bytes.Buffer{}
	clock = newSteppedClock()
	watch, stop = (&Machine{Out: lines, Now: clock.Now}).Follow(clock, 1)
	watch(executor.Started{Step: making("a")})
	for range 80 {
		clock.frame()
	}
	stop()
	if got := lines.String(); !strings.Contains(got, `"elapsed_seconds":10`) || !strings.Contains(got, "Still creating... [10s elapsed]") {
		t.Errorf("no heartbeat: %s", got)
	}
}

// TestLiveAreaOnTerminal draws on a real terminal, whose size changes while it is drawn on.
func TestLiveAreaOnTerminal(t *testing.T) {
	keyboard, tty := openTerminal(t)
	resize := func(columns uint16) {
		t.Helper()
		if err := unix.IoctlSetWinsize(int(keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Fatal(err)
		}
	}
	resize(80)
	h := &Human{Out: tty, Err: tty, Color: true, Screen: func() (int, int) {
		size, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		return int(size.Col), int(size.Row)
	}}
	shown := make(chan string, 1)
	go func() {
		var all bytes.Buffer
		buffer := make([]byte, 4096)
		for !bytes.Contains(all.Bytes(), []byte("The end.")) {
			n, err := keyboard.Read(buffer)
			all.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		shown <- all.String()
	}()
	clock := newSteppedClock()
	watch, stop := h.Follow(clock, 40)
	for i := range 40 {
		step := making(fmt.Sprint("京都", i))
		watch(executor.Started{Step: step})
		clock.frame()
		if i == 20 {
			resize(100)
		}
		watch(executor.Done{Step: step})
	}
	stop()
	h.Note("The end.")
	all := <-shown
	if strings.Contains(all, "\x1b[?") {
		t.Errorf("a mode of the terminal was changed: %q", all)
	}
	screen := &glass{}
	screen.write(t, uncolored(all), 100)
	var want strings.Builder
	for i := range 40 {
		fmt.Fprintf(&want, "instance.shop[\"京都%d\"]: Creation complete after 0s\n", i)
	}
	equal(t, screen.text(), want.String()+"The end.")
}

// openTerminal gives both ends of a new terminal.
func openTerminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, keyboard)
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, tty)
	return keyboard, tty
}

func closeLater(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
