package providertest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

// Container is the container that the contract uses.
const Container = "contract-box"

// put stores an object and ends the test when it cannot.
func (k *kit) put(name, text string) {
	k.Helper()
	k.ok(k.Cloud.Containers.Put(k.ctx, providers.ObjectSpec{Container: Container, Name: name, Data: []byte(text)}))
}

func (k *kit) create(name, text string) error {
	return k.Cloud.Containers.Put(k.ctx, providers.ObjectSpec{Container: Container, Name: name, Data: []byte(text), Create: true})
}

var containerClauses = []clause{
	{"what was put is there, byte for byte", func(k *kit) {
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for name, data := range map[string][]byte{
			"a": []byte("text\n"), "dir/empty": {}, "dir/every byte": every, "größe/100% ?&#+;=": []byte("x"),
			"big": bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
		} {
			k.ok(k.Cloud.Containers.Put(k.ctx, providers.ObjectSpec{Container: Container, Name: name, Data: data}))
			got := must(k.Cloud.Containers.Get(k.ctx, Container, name))(k)
			if !bytes.Equal(got.Data, data) {
				k.Errorf("%s: %d bytes came back, want %d", name, len(got.Data), len(data))
			}
			if got.Age < 0 || got.Age > time.Minute {
				k.Errorf("%s: it was put %s ago", name, got.Age)
			}
		}
		k.put("a", "more\n")
		if got := must(k.Cloud.Containers.Get(k.ctx, Container, "a"))(k); string(got.Data) != "more\n" {
			k.Errorf("after another put: %q", got.Data)
		}
	}},
	{"an object is created once", func(k *kit) {
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		k.ok(k.create("log/1", "first"))
		k.wantKind(k.create("log/1", "second"), "put object", providers.KindConflict)
		if got := must(k.Cloud.Containers.Get(k.ctx, Container, "log/1"))(k); string(got.Data) != "first" {
			k.Errorf("it holds %q, made by the first", got.Data)
		}
		k.ok(k.Cloud.Containers.Delete(k.ctx, Container, "log/1"))
		k.ok(k.create("log/1", "again"))
	}},
	{"of creates at the same instant one stays, whole", func(k *kit) {
		// More than one may be told that it made the object: Swift looks whether it is there before it takes the data.
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		const writers = 8
		errs := make([]error, writers)
		var done sync.WaitGroup
		for i := range writers {
			done.Go(func() { errs[i] = k.create("log/1", fmt.Sprint(i)) })
		}
		done.Wait()
		winners := map[string]bool{}
		for i, err := range errs {
			if err == nil {
				winners[fmt.Sprint(i)] = true
				continue
			}
			k.wantKind(err, "put object", providers.KindConflict)
		}
		if got := must(k.Cloud.Containers.Get(k.ctx, Container, "log/1"))(k); !winners[string(got.Data)] {
			k.Errorf("it holds %q, and those who made it are %v", got.Data, winners)
		}
	}},
	{"lists are complete and sorted", func(k *kit) {
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		want := []string{}
		for i := range 3*max(k.PageSize, 2) + 1 {
			name := fmt.Sprintf("log/%03d", i)
			k.put(name, "x")
			want = append(want, name)
		}
		k.put("lob", "x")
		k.put("logs", "x")
		k.put("log/sub/ä b", "x")
		got := must(k.Cloud.Containers.List(k.ctx, Container, "log/"))(k)
		if diff := cmp.Diff(append(want, "log/sub/ä b"), got); diff != "" {
			k.Errorf("below log/ (-want +got):\n%s", diff)
		}
		if got := must(k.Cloud.Containers.List(k.ctx, Container, ""))(k); len(got) != len(want)+3 {
			k.Errorf("all: %q", got)
		}
		if got := must(k.Cloud.Containers.List(k.ctx, Container, "none"))(k); len(got) != 0 {
			k.Errorf("a prefix that nothing has: %q", got)
		}
	}},
	{"an object is deleted once or twice", func(k *kit) {
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		k.put("a", "x")
		k.ok(k.Cloud.Containers.Delete(k.ctx, Container, "a"))
		k.ok(k.Cloud.Containers.Delete(k.ctx, Container, "a"))
		_, err := k.Cloud.Containers.Get(k.ctx, Container, "a")
		k.wantKind(err, "get object", providers.KindNotFound)
	}},
	{"a container that is not there", func(k *kit) {
		k.wantKind(k.create("a", "x"), "put object", providers.KindNotFound)
		_, err := k.Cloud.Containers.Get(k.ctx, Container, "a")
		k.wantKind(err, "get object", providers.KindNotFound)
		_, err = k.Cloud.Containers.List(k.ctx, Container, "")
		k.wantKind(err, "list objects", providers.KindNotFound)
		k.ok(k.Cloud.Containers.Delete(k.ctx, Container, "a"))
	}},
	{"names that cannot be", func(k *kit) {
		for _, name := range []string{"", "a/b", string(bytes.Repeat([]byte("x"), 257))} {
			k.wantKind(k.Cloud.Containers.Ensure(k.ctx, name), "make container", providers.KindInvalid)
		}
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		for _, name := range []string{"", string(bytes.Repeat([]byte("x"), 1025))} {
			k.wantKind(k.create(name, "x"), "put object", providers.KindInvalid)
		}
	}},
	{"a put whose context is over", func(k *kit) {
		k.ok(k.Cloud.Containers.Ensure(k.ctx, Container))
		ctx, cancel := context.WithCancel(k.ctx)
		cancel()
		err := k.Cloud.Containers.Put(ctx, providers.ObjectSpec{Container: Container, Name: "a", Data: []byte("x")})
		k.wantKind(err, "put object", providers.KindTransient)
		_, err = k.Cloud.Containers.Get(k.ctx, Container, "a")
		k.wantKind(err, "get object", providers.KindNotFound)
	}},
}
