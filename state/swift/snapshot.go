package swift

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/state"
)

const (
	// keptSnapshots is how many are kept, so that one that somebody is about to read is still there.
	keptSnapshots = 3
	// bytesPerEntry bounds what snapshots cost: one is written when there were entries enough to pay for it at so much each.
	bytesPerEntry = 16 << 10
	// maxSnapshot bounds what is unpacked.
	maxSnapshot = 1 << 30
)

// image is a snapshot as it is stored, compressed.
type image struct {
	Format  int    `json:"format"`
	Number  uint64 `json:"number"`
	Last    string `json:"last"`
	Lineage string `json:"lineage"`
	Lock    *lock  `json:"lock,omitempty"`
	Pruned  uint64 `json:"pruned,omitempty"`
	Rows    []row  `json:"rows"`
}

func (s *Store) snapshotPrefix() string { return s.key + "/snapshots/" }

func (s *Store) snapshotName(number uint64) string {
	return fmt.Sprintf("%s%012d", s.snapshotPrefix(), number)
}

// newestSnapshot is where the log may be read from: after the newest snapshot that can be had, else from its beginning.
// An older one gives the same state.
func (s *Store) newestSnapshot(ctx context.Context) (*head, error) {
	names, err := s.objects.List(ctx, s.snapshotPrefix())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		if n, err := strconv.ParseUint(strings.TrimPrefix(name, s.snapshotPrefix()), 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, number := range slices.Backward(numbers) {
		object, err := s.objects.Get(ctx, s.snapshotName(number))
		if errors.Is(err, ErrNotFound) { // cleared away, and listed still
			continue
		}
		if err != nil {
			return nil, err
		}
		h, err := unpack(object.Data, number)
		if err != nil {
			return nil, fmt.Errorf("decoding snapshot %d: %w", number, err)
		}
		h.snapshots, h.size = numbers, len(object.Data)
		return h, nil
	}
	return newHead(), nil
}

// unpack reads a snapshot; its bytes are untrusted.
func unpack(data []byte, number uint64) (*head, error) {
	plain, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxSnapshot))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	var i image
	if err := decode(text, &i, &i.Format); err != nil {
		return nil, err
	}
	switch {
	case i.Format > format:
		return nil, fmt.Errorf("%w: its format is %d, this one reads up to %d", state.ErrNewer, i.Format, format)
	case i.Format < 1 || i.Number != number || i.Last == "" || i.Lineage == "":
		return nil, fmt.Errorf("%w: it is not what its name says", state.ErrCorrupt)
	}
	h := newHead()
	h.put(i.Rows)
	h.number, h.last, h.lineage, h.lock, h.pruned = i.Number, i.Last, i.Lineage, i.Lock, i.Pruned
	return h, nil
}

func pack(h *head) ([]byte, error) {
	text, err := json.Marshal(image{
		Format: format, Number: h.number, Last: h.last, Lineage: h.lineage, Lock: h.lock, Pruned: h.pruned, Rows: rowsOf(h.all()),
	})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// due tells whether the entries since the last snapshot pay for the next one.
func (s *Store) due(h *head) bool { return h.since >= max(s.options.Snapshot, h.size/bytesPerEntry) }

// snapshot writes what h comes to and clears away what nobody needs any more. The state does not rest on it: when it
// fails, the next one is tried later. The last entry is read back first, so that no snapshot is ever of a log which lost
// its last number to another one.
func (s *Store) snapshot(ctx context.Context, h *head) error {
	h.since = 0
	e, err := s.entry(ctx, h.number)
	if err != nil {
		return err
	}
	if e.ID != h.last {
		return errTaken
	}
	data, err := pack(h)
	if err != nil {
		return err
	}
	if err := s.objects.Put(ctx, s.snapshotName(h.number), data, false); err != nil {
		return err
	}
	h.size = len(data)
	h.snapshots = append(h.snapshots, h.number)
	return s.prune(ctx, h)
}

// prune clears away old snapshots, then the entries that are far behind the ones that are kept. In this order a reader
// never finds a snapshot without the entries after it.
func (s *Store) prune(ctx context.Context, h *head) error {
	for len(h.snapshots) > keptSnapshots {
		if err := s.objects.Delete(ctx, s.snapshotName(h.snapshots[0])); err != nil {
			return err
		}
		h.snapshots = h.snapshots[1:]
	}
	if len(h.snapshots) < keptSnapshots || h.snapshots[0] <= s.options.Keep {
		return nil
	}
	upTo := h.snapshots[0] - s.options.Keep
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inParallel)
	for number := h.pruned + 1; number <= upTo; number++ {
		group.Go(func() error { return s.objects.Delete(ctx, s.commitName(number)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	h.pruned = max(h.pruned, upTo)
	return nil
}
