package bolt

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
)

// historyBucket holds the change log: an entry for each serial, whose key is the serial with the highest byte first.
var historyBucket = []byte("history")

func historyKey(serial uint64) []byte { return binary.BigEndian.AppendUint64(nil, serial) }

// writeEntries adds to the change log. Serials grow by one, so that each new entry makes the one HistoryKept before it too
// old: the log neither grows without end nor is ever searched.
func writeEntries(tx *bbolt.Tx, entries []state.Entry) error {
	bucket, err := bucketOf(tx, historyBucket)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encoding entry %d of the change log: %w", e.Serial, err)
		}
		if err := bucket.Put(historyKey(e.Serial), data); err != nil {
			return fmt.Errorf("writing entry %d of the change log: %w", e.Serial, err)
		}
		if e.Serial <= state.HistoryKept {
			continue
		}
		if err := bucket.Delete(historyKey(e.Serial - state.HistoryKept)); err != nil {
			return fmt.Errorf("clearing the change log: %w", err)
		}
	}
	return nil
}

// readEntries reads the newest entries, at most n, all when n is not positive. A file of an older trovectl has none.
func readEntries(tx *bbolt.Tx, n int) ([]state.Entry, error) {
	bucket := tx.Bucket(historyBucket)
	if bucket == nil {
		return nil, nil
	}
	var entries []state.Entry
	cursor := bucket.Cursor()
	for key, data := cursor.Last(); key != nil && (n <= 0 || len(entries) < n); key, data = cursor.Prev() {
		e, err := state.DecodeEntry(data)
		if err != nil {
			return nil, err
		}
		if last := len(entries) - 1; last >= 0 && entries[last].Serial <= e.Serial { // also ends what goes round in a circle
			return nil, fmt.Errorf("%w: the change log is out of order", state.ErrCorrupt)
		}
		entries = append(entries, e)
	}
	slices.Reverse(entries)
	return entries, nil
}
