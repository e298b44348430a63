package state

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/trovectl/trovectl/config/resource"
)

// Table is one of the places in which a store keeps rows. The set is closed.
type Table string

// The tables. Meta holds what a state has once: format, lineage, serial, cloud, run, key_check.
const (
	Meta    Table = "meta"
	Members Table = "members"
	Roles   Table = "roles"
	Records Table = "records"
	Intents Table = "intents"
)

// Tables lists the tables; Meta comes first, so that a newer format is seen before rows that it may have changed.
var Tables = []Table{Meta, Members, Roles, Records, Intents}

// Row is one row of a store, keyed by id or address, with JSON as the value. As a change, a nil value deletes the row.
type Row struct {
	Table Table
	Key   string
	Value []byte
}

// The keys of the meta table.
const (
	keyFormat   = "format"
	keyLineage  = "lineage"
	keySerial   = "serial"
	keyCloud    = "cloud"
	keyRun      = "run"
	keyKeyCheck = "key_check"
)

// EmptyRows are the rows of a state in which nothing was made yet.
func EmptyRows(lineage string) []Row {
	return []Row{
		{Meta, keyFormat, []byte(strconv.Itoa(Format))},
		{Meta, keyLineage, []byte(strconv.Quote(lineage))},
		{Meta, keySerial, []byte("0")},
	}
}

// Assemble makes a snapshot of all rows of a store, meta rows first; their bytes are untrusted. It is ErrNewer for a
// newer format, ErrCorrupt for rows that it cannot understand in whole. It does not Check.
func Assemble(rows []Row) (*Snapshot, error) {
	s := Empty("")
	s.Format = 0
	for _, row := range rows {
		if row.Table != Meta && s.Format == 0 {
			break
		}
		if err := s.add(row); err != nil {
			return nil, fmt.Errorf("reading %s %q: %w", row.Table, row.Key, err)
		}
	}
	if s.Format == 0 || s.Lineage == "" {
		return nil, fmt.Errorf("%w: it has no format or no lineage", ErrCorrupt)
	}
	return s, nil
}

func (s *Snapshot) add(row Row) error {
	switch row.Table {
	case Meta:
		return s.addMeta(row)
	case Members:
		return addRow(s.Members, row, func(m Member) MemberID { return m.ID })
	case Roles:
		return addRow(s.Roles, row, func(r Role) RoleID { return r.ID })
	case Records:
		return addRow(s.Records, row, func(r Record) resource.Address { return r.Address })
	case Intents:
		return addRow(s.Intents, row, func(in Intent) IntentID { return in.ID })
	default:
		return fmt.Errorf("%w: there is no table %q", ErrCorrupt, row.Table)
	}
}

func (s *Snapshot) addMeta(row Row) error {
	into := map[string]any{
		keyFormat: &s.Format, keyLineage: &s.Lineage, keySerial: &s.Serial, keyCloud: &s.Cloud, keyRun: &s.Run,
		keyKeyCheck: &s.KeyCheck,
	}[row.Key]
	if into == nil {
		return fmt.Errorf("%w: this entry is not known", ErrCorrupt)
	}
	if err := decodeStrict(row.Value, into); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if row.Key == keyFormat {
		return checkFormat(s.Format)
	}
	return nil
}

func addRow[K comparable, V any](table map[K]V, row Row, key func(V) K) error {
	var v V
	read := func(data []byte) error { return decodeStrict(data, &v) }
	if own, ok := any(&v).(json.Unmarshaler); ok { // a record is as strict by itself, and need not be read twice
		read = own.UnmarshalJSON
	}
	if err := read(row.Value); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	k := key(v)
	if fmt.Sprint(k) != row.Key {
		return fmt.Errorf("%w: the row is that of %q", ErrCorrupt, fmt.Sprint(k))
	}
	table[k] = v
	return nil
}

// SerialOf reads the serial from a meta row's value, so that a store can compare it inside a transaction.
func SerialOf(value []byte) (uint64, error) {
	var serial uint64
	if err := json.Unmarshal(value, &serial); err != nil {
		return 0, fmt.Errorf("%w: reading the serial: %w", ErrCorrupt, err)
	}
	return serial, nil
}
