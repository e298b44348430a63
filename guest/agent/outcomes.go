package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// keepOutcomes is how long an outcome is remembered. An intent that is older belongs to an apply that nobody resumes.
const keepOutcomes = 30 * 24 * time.Hour

// compactAt is the size in bytes at which a growing outcome file is written anew without what is too old.
const compactAt = 4 << 20

// An outcome is one line of the outcome file: that a request was begun, or how it ended. It holds no secret: requests'
// bodies are not in it, and results carry digests only.
type outcome struct {
	ID     string          `json:"id"`
	Method guest.Method    `json:"method"`
	At     time.Time       `json:"at"`
	Done   bool            `json:"done,omitempty"` // false: started
	Result json.RawMessage `json:"result,omitempty"`
	Error  *guest.Error    `json:"error,omitempty"`
}

// outcomes remembers requests by id across crashes. Each line has a checksum in front, so that a torn write is told
// from a whole one. Until there is a data volume the lines go to a file on the server's disk; afterwards to the volume,
// which outlives the server, and both are read.
type outcomes struct {
	now func() time.Time

	mu    sync.Mutex
	byID  map[string]outcome
	file  *os.File // appended to
	path  string
	size  int64
	limit int64 // size at which the file is compacted next
}

// openOutcomes reads the file, which may be absent, mends a torn end and drops what is too old.
func openOutcomes(path string, now func() time.Time) (*outcomes, error) {
	o := &outcomes{now: now, byID: map[string]outcome{}}
	if err := o.moveTo(path); err != nil {
		return nil, err
	}
	return o, nil
}

// moveTo reads another file as well and appends to that one from now on.
func (o *outcomes) moveTo(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil && o.path == path {
		return nil
	}
	here := map[string]outcome{}
	if err := readOutcomes(path, here); err != nil {
		return err
	}
	former := o.file
	if err := o.rewrite(path, here); err != nil {
		return err
	}
	for id, line := range here {
		if known, ok := o.byID[id]; !ok || !known.Done {
			o.byID[id] = line
		}
	}
	if former != nil {
		return former.Close()
	}
	return nil
}

// seen returns what is recorded about the id.
func (o *outcomes) seen(id string) (outcome, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line, ok := o.byID[id]
	return line, ok
}

func (o *outcomes) started(id string, method guest.Method) error {
	return o.append(outcome{ID: id, Method: method})
}

func (o *outcomes) done(method guest.Method, reply guest.Reply) error {
	return o.append(outcome{ID: reply.ID, Method: method, Done: true, Result: reply.Result, Error: reply.Error})
}

// append makes a line durable before it returns.
func (o *outcomes) append(line outcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	line.At = o.now().UTC()
	text, err := encodeOutcome(line)
	if err != nil {
		return err
	}
	if _, err = o.file.Write(text); err == nil {
		err = o.file.Sync()
	}
	if err != nil {
		// A part may be on the disk: cut it off, so that the next line begins on a line of its own.
		return fmt.Errorf("recording an outcome: %w", errors.Join(err, o.file.Truncate(o.size)))
	}
	o.size += int64(len(text))
	o.byID[line.ID] = line
	if o.size < o.limit {
		return nil
	}
	here := map[string]outcome{}
	if err := readOutcomes(o.path, here); err != nil {
		return err
	}
	former := o.file
	if err := o.rewrite(o.path, here); err != nil {
		return err
	}
	o.forgetOld()
	return former.Close()
}

func (o *outcomes) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.file = nil
	if err != nil {
		return fmt.Errorf("closing the outcome file: %w", err)
	}
	return nil
}

// forgetOld drops from memory what the files no longer need to hold.
func (o *outcomes) forgetOld() {
	for id, line := range o.byID {
		if o.tooOld(line) {
			delete(o.byID, id)
		}
	}
}

func (o *outcomes) tooOld(line outcome) bool { return o.now().Sub(line.At) > keepOutcomes }

// rewrite replaces the file by one that holds the lines that are young enough, and makes it the one appended to.
func (o *outcomes) rewrite(path string, lines map[string]outcome) error {
	var text bytes.Buffer
	for _, id := range sortedByTime(lines) {
		if o.tooOld(lines[id]) {
			delete(lines, id)
			continue
		}
		line, err := encodeOutcome(lines[id])
		if err != nil {
			return err
		}
		text.Write(line)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the outcome file's directory: %w", err)
	}
	if err := writeFile(path, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing the outcome file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("opening the outcome file: %w", err)
	}
	o.file, o.path, o.size = file, path, int64(text.Len())
	o.limit = max(compactAt, 2*o.size)
	return nil
}

func sortedByTime(lines map[string]outcome) []string {
	ids := make([]string, 0, len(lines))
	for id := range lines {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if order := lines[a].At.Compare(lines[b].At); order != 0 {
			return order
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return ids
}

// encodeOutcome makes a line: the CRC-32 of the JSON text in eight hex digits, a space, the text, a newline.
func encodeOutcome(line outcome) ([]byte, error) {
	text, err := json.Marshal(line)
	if err != nil {
		return nil, fmt.Errorf("encoding an outcome: %w", err)
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text), nil
}

// decodeOutcome reads a line without its newline.
func decodeOutcome(line []byte) (outcome, bool) {
	var read outcome
	sum, text, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return read, false
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || uint32(want) != crc32.ChecksumIEEE(text) {
		return read, false
	}
	return read, json.Unmarshal(text, &read) == nil && read.ID != ""
}

// readOutcomes merges the file's lines into byID; a later line about the same id counts, but a done one is never undone.
// Lines that are torn or damaged are passed over: their requests run again, which is harmless.
func readOutcomes(path string, byID map[string]outcome) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the outcome file: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	for lines := bufio.NewReader(file); ; {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is left has no newline: a torn end
		}
		if err != nil {
			return fmt.Errorf("reading the outcome file: %w", err)
		}
		line, ok := decodeOutcome(bytes.TrimSuffix(text, []byte("\n")))
		if ok && (line.Done || !byID[line.ID].Done) {
			byID[line.ID] = line
		}
	}
}
