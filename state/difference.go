package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

// Difference is the batch that makes `to` of `from`, but for the serial, which it raises by one. What a state has once and
// for all must agree: lineage, cloud and key check, unless `from` has none yet. An open run must agree as well, or be
// begun or ended as a whole.
func Difference(from, to *Snapshot) (Batch, error) {
	var b Batch
	if err := headDifference(&b, from, to); err != nil {
		return Batch{}, err
	}
	var errs [4]error
	b.PutMembers, b.DropMembers, errs[0] = differences(from.Members, to.Members)
	b.PutRoles, b.DropRoles, errs[1] = differences(from.Roles, to.Roles)
	b.Begin, b.End, errs[2] = differences(from.Intents, to.Intents)
	b.PutRecords, b.DropRecords, errs[3] = differences(from.Records, to.Records)
	for _, in := range b.Begin { // one that changed ends and begins anew
		if _, open := from.Intents[in.ID]; open {
			b.End = append(b.End, in.ID)
		}
	}
	slices.Sort(b.DropMembers)
	slices.Sort(b.DropRoles)
	slices.Sort(b.End)
	slices.SortFunc(b.DropRecords, resource.Address.Compare)
	return b, errors.Join(errs[:]...)
}

func headDifference(b *Batch, from, to *Snapshot) error {
	switch {
	case from.Lineage != to.Lineage:
		return fmt.Errorf("the lineages differ: %s and %s", from.Lineage, to.Lineage)
	case from.KeyCheck != "" && from.KeyCheck != to.KeyCheck:
		return errors.New("they belong to different master keys")
	case from.Cloud != nil && (to.Cloud == nil || !reflect.DeepEqual(*from.Cloud, *to.Cloud)):
		return errors.New("they belong to different clouds")
	}
	if from.KeyCheck == "" {
		b.KeyCheck = to.KeyCheck
	}
	if from.Cloud == nil {
		b.Cloud = to.Cloud
	}
	switch {
	case to.Run == nil:
		b.EndRun = from.Run != nil
	case from.Run != nil && from.Run.PlanDigest != to.Run.PlanDigest:
		return fmt.Errorf("the run of plan %s is open, not that of %s", from.Run.PlanDigest, to.Run.PlanDigest)
	default:
		b.BeginRun = to.Run
	}
	return nil
}

// differences lists what is new or not the same, in the order of its encoding, and what is gone.
func differences[K comparable, V any](from, to map[K]V) (put []V, drop []K, err error) {
	type change struct {
		value V
		text  []byte
	}
	var changes []change
	for key, value := range to {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, nil, err
		}
		if before, there := from[key]; there {
			was, err := json.Marshal(before)
			if err != nil {
				return nil, nil, err
			}
			if bytes.Equal(was, text) {
				continue
			}
		}
		changes = append(changes, change{value, text})
	}
	slices.SortFunc(changes, func(a, b change) int { return bytes.Compare(a.text, b.text) })
	for _, c := range changes {
		put = append(put, c.value)
	}
	for key := range maps.Keys(from) {
		if _, there := to[key]; !there {
			drop = append(drop, key)
		}
	}
	return put, drop, nil
}
