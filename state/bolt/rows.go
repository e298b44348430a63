package bolt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
)

// Each table of the state is a bucket. One more holds the fencing token, which is no part of the state.
var (
	lockBucket = []byte("lock")
	tokenKey   = []byte("token")
	serialKey  = []byte("serial")
	lineageKey = []byte("lineage")
)

func writeEmpty(tx *bbolt.Tx, lineage string) error {
	for _, table := range state.Tables {
		if _, err := tx.CreateBucket([]byte(table)); err != nil {
			return err
		}
	}
	if _, err := tx.CreateBucket(lockBucket); err != nil {
		return err
	}
	return writeRows(tx, state.EmptyRows(lineage))
}

func writeRows(tx *bbolt.Tx, rows []state.Row) error {
	for _, row := range rows {
		bucket, err := bucketOf(tx, []byte(row.Table))
		if err != nil {
			return err
		}
		if row.Value == nil {
			err = bucket.Delete([]byte(row.Key))
		} else {
			err = bucket.Put([]byte(row.Key), row.Value)
		}
		if err != nil {
			return fmt.Errorf("writing %s %q: %w", row.Table, row.Key, err)
		}
	}
	return nil
}

// readRows copies all rows out of the transaction, meta rows first; a format that is not ours ends it there.
func readRows(tx *bbolt.Tx) ([]state.Row, error) {
	var rows []state.Row
	for _, table := range state.Tables {
		bucket, err := bucketOf(tx, []byte(table))
		if err != nil {
			return nil, err
		}
		if rows, err = appendRows(rows, table, bucket); err != nil {
			return nil, err
		}
		if table == state.Meta {
			if _, err := state.Assemble(rows); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func appendRows(rows []state.Row, table state.Table, bucket *bbolt.Bucket) ([]state.Row, error) {
	var last []byte
	err := bucket.ForEach(func(key, value []byte) error {
		if last != nil && bytes.Compare(key, last) <= 0 { // also ends what goes round in a circle
			return fmt.Errorf("%w: the keys of %s are out of order", state.ErrCorrupt, table)
		}
		if value == nil {
			return fmt.Errorf("%w: %s %q is not a row", state.ErrCorrupt, table, key)
		}
		last = key
		rows = append(rows, state.Row{Table: table, Key: string(key), Value: bytes.Clone(value)})
		return nil
	})
	return rows, err
}

func bucketOf(tx *bbolt.Tx, name []byte) (*bbolt.Bucket, error) {
	if bucket := tx.Bucket(name); bucket != nil {
		return bucket, nil
	}
	return nil, fmt.Errorf("%w: it has no table %s, so this is the file of another program", state.ErrCorrupt, name)
}

func readToken(tx *bbolt.Tx) (uint64, error) {
	bucket, err := bucketOf(tx, lockBucket)
	if err != nil {
		return 0, err
	}
	value := bucket.Get(tokenKey)
	if value == nil {
		return 0, nil
	}
	token, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: reading the fencing token: %w", state.ErrCorrupt, err)
	}
	return token, nil
}

// raiseToken fences off every session before this one.
func raiseToken(tx *bbolt.Tx) (uint64, error) {
	token, err := readToken(tx)
	if err != nil {
		return 0, err
	}
	token++
	bucket, err := bucketOf(tx, lockBucket)
	if err != nil {
		return 0, err
	}
	return token, bucket.Put(tokenKey, []byte(strconv.FormatUint(token, 10)))
}

// readHead reads lineage and serial.
func readHead(tx *bbolt.Tx) (lineage string, serial uint64, err error) {
	bucket, err := bucketOf(tx, []byte(state.Meta))
	if err != nil {
		return "", 0, err
	}
	if err := json.Unmarshal(bucket.Get(lineageKey), &lineage); err != nil {
		return "", 0, fmt.Errorf("%w: reading the lineage: %w", state.ErrCorrupt, err)
	}
	serial, err = state.SerialOf(bucket.Get(serialKey))
	return lineage, serial, err
}
