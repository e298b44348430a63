package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/trovectl/trovectl/state"
)

// The file format of bbolt, as its internal/common package lays it out, in the byte order of the machine.
const (
	pageHeader  = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize = 16 // of a branch: pos, ksize uint32, page uint64; of a leaf: flags, pos, ksize, vsize uint32
	metaSize    = 64 // magic, version, page size, flags uint32, root, sequence, freelist, pages, txid, checksum uint64
	metaSummed  = 56
	metaMagic   = 0xED0CDAED

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01

	manyFree   = 0xFFFF // as count: the count is the first element
	noFreelist = 1<<64 - 1
	minPage    = 1024
	maxPage    = 65536
)

var order = binary.NativeEndian

// verify reads the pages of a database file once: every page that is in use belongs to exactly one place, all others are
// in the list of free pages, and nothing points out of its page. bbolt trusts its pages: a wrong one sends it round in
// circles, and a wrong free list makes it write over what is in use. The caller holds the lock of the file.
func verify(file io.ReaderAt, size int64) error {
	v := &verifier{file: file}
	if err := v.meta(); err != nil {
		return err
	}
	if v.pages < 3 || v.pages > uint64(size/v.pageSize) {
		return fmt.Errorf("%w: the file has %d bytes, which is not %d pages of %d", state.ErrCorrupt, size, v.pages, v.pageSize)
	}
	v.used = make([]bool, v.pages)
	v.used[0], v.used[1] = true, true
	if v.freelist != noFreelist {
		if err := v.free(v.freelist); err != nil {
			return err
		}
	}
	for v.todo = []uint64{v.root}; len(v.todo) > 0; {
		id := v.todo[len(v.todo)-1]
		v.todo = v.todo[:len(v.todo)-1]
		if err := v.tree(id); err != nil {
			return err
		}
	}
	for id, used := range v.used {
		if !used && v.freelist != noFreelist {
			return fmt.Errorf("%w: page %d is neither used nor free", state.ErrCorrupt, id)
		}
	}
	return nil
}

type verifier struct {
	file                        io.ReaderAt
	pageSize                    int64
	root, freelist, pages, txid uint64
	used                        []bool
	todo                        []uint64
}

// meta takes the later of the two meta pages that are whole. The second stands one page on, whatever a page is.
func (v *verifier) meta() error {
	found := v.metaAt(0)
	for size := int64(minPage); size <= maxPage; size *= 2 {
		if v.metaAt(size) {
			found = true
		}
	}
	if !found {
		return fmt.Errorf("%w: this is not the file of a state, or its beginning is gone", state.ErrCorrupt)
	}
	return nil
}

func (v *verifier) metaAt(offset int64) bool {
	raw := make([]byte, metaSize)
	if _, err := v.file.ReadAt(raw, offset+pageHeader); err != nil || order.Uint32(raw) != metaMagic {
		return false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(raw[:metaSummed]) // never fails, by the contract of hash.Hash
	pageSize, txid := int64(order.Uint32(raw[8:])), order.Uint64(raw[48:])
	known := pageSize >= minPage && pageSize <= maxPage && (offset == 0 || offset == pageSize)
	if sum.Sum64() != order.Uint64(raw[metaSummed:]) || !known {
		return false
	}
	if v.pageSize == 0 || txid > v.txid {
		v.pageSize, v.txid = pageSize, txid
		v.root, v.freelist, v.pages = order.Uint64(raw[16:]), order.Uint64(raw[32:]), order.Uint64(raw[40:])
	}
	return true
}

// page reads a page with its overflow, and notes that it is used.
func (v *verifier) page(id uint64) (raw []byte, flags, count int, err error) {
	if id < 2 || id >= v.pages {
		return nil, 0, 0, fmt.Errorf("%w: there is no page %d", state.ErrCorrupt, id)
	}
	head := make([]byte, pageHeader)
	if _, err := v.file.ReadAt(head, int64(id)*v.pageSize); err != nil {
		return nil, 0, 0, fmt.Errorf("reading page %d: %w", id, err)
	}
	overflow := uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id || overflow >= v.pages-id {
		return nil, 0, 0, fmt.Errorf("%w: the head of page %d is wrong", state.ErrCorrupt, id)
	}
	for n := id; n <= id+overflow; n++ {
		if err := v.use(n); err != nil {
			return nil, 0, 0, err
		}
	}
	raw = make([]byte, int64(overflow+1)*v.pageSize)
	if _, err := v.file.ReadAt(raw, int64(id)*v.pageSize); err != nil {
		return nil, 0, 0, fmt.Errorf("reading page %d: %w", id, err)
	}
	return raw, int(order.Uint16(head[8:])), int(order.Uint16(head[10:])), nil
}

func (v *verifier) use(id uint64) error {
	if id < 2 || id >= v.pages || v.used[id] {
		return fmt.Errorf("%w: page %d is used twice, or is not there", state.ErrCorrupt, id)
	}
	v.used[id] = true
	return nil
}

func (v *verifier) free(id uint64) error {
	raw, flags, count, err := v.page(id)
	if err != nil {
		return err
	}
	list := raw[pageHeader:]
	n := uint64(count)
	if count == manyFree {
		n, list = order.Uint64(list), list[8:]
	}
	if flags != freelistPage || n > uint64(len(list)/8) {
		return fmt.Errorf("%w: the list of free pages is wrong", state.ErrCorrupt)
	}
	last := uint64(0)
	for i := range n {
		next := order.Uint64(list[8*i:])
		if next <= last {
			return fmt.Errorf("%w: the list of free pages is out of order", state.ErrCorrupt)
		}
		if err := v.use(next); err != nil {
			return err
		}
		last = next
	}
	return nil
}

// tree looks at one page of a tree and notes those below it.
func (v *verifier) tree(id uint64) error {
	raw, flags, count, err := v.page(id)
	if err != nil {
		return err
	}
	if flags != branchPage && flags != leafPage || flags == branchPage && count == 0 {
		return fmt.Errorf("%w: page %d is not one of a tree", state.ErrCorrupt, id)
	}
	if err := v.elements(raw, flags, count); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements looks at the elements of a page, or of the page that a small bucket keeps within its parent's.
func (v *verifier) elements(raw []byte, flags, count int) error {
	end := pageHeader + elementSize*count
	if end > len(raw) {
		return fmt.Errorf("%w: it has no room for %d elements", state.ErrCorrupt, count)
	}
	for at := pageHeader; at < end; at += elementSize {
		e := raw[at : at+elementSize]
		if flags == branchPage {
			if from := at + int(order.Uint32(e)); from < end || from+int(order.Uint32(e[4:])) > len(raw) {
				return fmt.Errorf("%w: a key is out of its page", state.ErrCorrupt)
			}
			v.todo = append(v.todo, order.Uint64(e[8:]))
			continue
		}
		from := at + int(order.Uint32(e[4:]))
		value := from + int(order.Uint32(e[8:]))
		last := value + int(order.Uint32(e[12:]))
		if from < end || last > len(raw) {
			return fmt.Errorf("%w: a row is out of its page", state.ErrCorrupt)
		}
		if order.Uint32(e)&bucketLeaf != 0 {
			if err := v.bucket(raw[value:last]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket is root uint64, sequence uint64 and, when the root is 0, a leaf page with the rows.
func (v *verifier) bucket(raw []byte) error {
	if len(raw) < 16 {
		return fmt.Errorf("%w: a table has no root", state.ErrCorrupt)
	}
	if root := order.Uint64(raw); root != 0 {
		v.todo = append(v.todo, root)
		return nil
	}
	inline := raw[16:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != leafPage {
		return fmt.Errorf("%w: a small table is not whole", state.ErrCorrupt)
	}
	return v.elements(inline, leafPage, int(order.Uint16(inline[10:])))
}
