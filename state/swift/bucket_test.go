package swift_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/state/swift"
)

// bucket is an object store in memory, with a clock that a test moves and faults that it asks for.
type bucket struct {
	mu      sync.Mutex
	there   bool // the container is
	objects map[string]stored
	now     time.Duration
	calls   map[string]int
	bytes   int // that were put

	lag   bool // listings do not show anything yet
	lax   bool // an object can be made twice
	fault fault
	onPut func(name string) // called under the lock, after the effect
}

// fault says whether a call, the nth of its name, loses its answer after its effect or fails before it.
type fault func(call, name string, nth int) (lose, fail error)

type stored struct {
	data []byte
	put  time.Duration
}

func newBucket() *bucket { return &bucket{objects: map[string]stored{}, calls: map[string]int{}} }

// do runs a call under the lock, with the fault that was asked for.
func (b *bucket) do(ctx context.Context, call, name string, effect func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	b.calls[call]++
	if b.fault == nil {
		return effect()
	}
	lose, fail := b.fault(call, name, b.calls[call])
	if fail != nil {
		return fail
	}
	if err := effect(); err != nil {
		return err
	}
	return lose
}

func (b *bucket) Prepare(ctx context.Context) error {
	return b.do(ctx, "prepare", "", func() error {
		b.there = true
		return nil
	})
}

func (b *bucket) Put(ctx context.Context, name string, data []byte, create bool) error {
	return b.do(ctx, "put", name, func() error {
		if !b.there {
			return fmt.Errorf("%w: there is no container", swift.ErrRefused)
		}
		if _, taken := b.objects[name]; taken && create && !b.lax {
			return swift.ErrExists
		}
		b.objects[name] = stored{slices.Clone(data), b.now}
		b.bytes += len(data)
		if b.onPut != nil {
			b.onPut(name)
		}
		return nil
	})
}

func (b *bucket) Get(ctx context.Context, name string) (object swift.Object, err error) {
	err = b.do(ctx, "get", name, func() error {
		found, ok := b.objects[name]
		if !ok {
			return swift.ErrNotFound
		}
		object = swift.Object{Data: slices.Clone(found.data), Age: b.now - found.put}
		return nil
	})
	return object, err
}

func (b *bucket) List(ctx context.Context, prefix string) (names []string, err error) {
	err = b.do(ctx, "list", prefix, func() error {
		if !b.there {
			return swift.ErrNotFound
		}
		for _, name := range slices.Sorted(maps.Keys(b.objects)) {
			if strings.HasPrefix(name, prefix) && !b.lag {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	return b.do(ctx, "delete", name, func() error {
		delete(b.objects, name)
		return nil
	})
}

// pass lets time go by.
func (b *bucket) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += d
}

// names lists what is there.
func (b *bucket) names(part string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.Contains(name, part) {
			out = append(out, name)
		}
	}
	return out
}

// set sets the faults and gives the ones before.
func (b *bucket) set(f fault) fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.fault
	b.fault = f
	return before
}

// edit changes an object as nothing of ours would.
func (b *bucket) edit(name string, change func([]byte) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	object := b.objects[name]
	object.data = change(slices.Clone(object.data))
	b.objects[name] = object
}

func (b *bucket) remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, name)
}

// total is how often a call was made.
func (b *bucket) total(call string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[call]
}

// written is how many bytes were put.
func (b *bucket) written() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

func (b *bucket) size(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.objects[name].data)
}
