package guest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
)

func wantKind(t *testing.T, err error, kind guest.ErrorKind, words ...string) {
	t.Helper()
	var got *guest.Error
	if !errors.As(err, &got) || got.Kind != kind {
		t.Fatalf("error is %v, want kind %s", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("error says %q, which lacks %q", got.Message, word)
		}
	}
}

func frame(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 100)).Draw(t, "texts")
		var stream bytes.Buffer
		for _, text := range texts {
			if err := guest.WriteFrame(&stream, text); err != nil {
				t.Fatal(err)
			}
		}
		slow := iotest.OneByteReader(&stream)
		for _, want := range texts {
			got, err := guest.ReadFrame(slow)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("read %q, %v, want %q", got, err, want)
			}
		}
		if _, err := guest.ReadFrame(slow); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestBadFrames(t *testing.T) {
	for _, text := range []string{"\x00", "\x00\x00\x00\x05", "\x00\x00\x00\x05hell"} {
		if _, err := guest.ReadFrame(strings.NewReader(text)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v, want unexpected EOF", text, err)
		}
	}
	for _, text := range []string{"\x00\x00\x00\x00", "\xff\xff\xff\xff", "SSH-2.0-OpenSSH"} {
		_, err := guest.ReadFrame(strings.NewReader(text))
		wantKind(t, err, guest.KindInvalid)
	}
	wantKind(t, guest.WriteFrame(io.Discard, nil), guest.KindInvalid)
	wantKind(t, guest.WriteFrame(io.Discard, make([]byte, guest.MaxMessage+1)), guest.KindInvalid)
	if err := guest.WriteFrame(brokenWriter{}, []byte("x")); err == nil {
		t.Error("a failed write is no error")
	}
}

func TestDecodeRequest(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want guest.Request
		kind guest.ErrorKind
	}{
		"whole":          {text: `{"version":1,"id":"a","method":"ping"}`, want: guest.Request{Version: 1, ID: "a", Method: "ping"}},
		"unknown fields": {text: `{"version":1,"id":"a","method":"ping","later":{}}`, want: guest.Request{Version: 1, ID: "a", Method: "ping"}},
		"wrong type":     {text: `{"version":"1","id":"a","method":"ping"}`, want: guest.Request{ID: "a"}, kind: guest.KindInvalid},
		"wrong id":       {text: `{"version":1,"id":7}`, kind: guest.KindInvalid},
		"malformed":      {text: `{"version":1`, kind: guest.KindInvalid},
		"twice":          {text: `{"id":"a"}{"id":"b"}`, kind: guest.KindInvalid},
		"no object":      {text: `[1]`, kind: guest.KindInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := guest.DecodeRequest([]byte(test.text))
			if test.kind != "" {
				wantKind(t, err, test.kind)
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeErrorsQuoteNoValue(t *testing.T) {
	_, err := guest.DecodeBody[guest.PutUser](json.RawMessage(`{"name":"a","verifier":["*SECRET"],"grants":"*SECRET"}`))
	wantKind(t, err, guest.KindInvalid, "verifier")
	if strings.Contains(err.Error(), "SECRET") {
		t.Errorf("the error quotes a value: %v", err)
	}
}

func TestReplies(t *testing.T) {
	_, err := guest.DecodeReply([]byte(`{"version":1,"id":"a","result":1,"error":{"kind":"engine","message":"no"}}`))
	wantKind(t, err, guest.KindInvalid, "both")
	reply, err := guest.DecodeReply([]byte(`{"version":1,"id":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, guest.CheckReply(reply), guest.KindInvalid, "neither")
	wantKind(t, guest.CheckReply(guest.Answer("a", make(chan int), nil)), guest.KindInternal)
	wantKind(t, guest.CheckReply(guest.Answer("a", nil, io.EOF)), guest.KindInternal, "EOF")
	// The guest's own error says more than its version.
	refusal := guest.Answer("a", nil, guest.CheckRequest(guest.Request{Version: 9, ID: "a", Method: guest.MethodPing}))
	refusal.Version = 1
	wantKind(t, guest.CheckReply(refusal), guest.KindVersion, "this agent is the older side")
}

func TestCheckRequest(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*guest.Request)
		kind   guest.ErrorKind
	}{
		"no id":          {func(r *guest.Request) { r.ID = "" }, guest.KindInvalid},
		"a long id":      {func(r *guest.Request) { r.ID = strings.Repeat("x", 1000) }, guest.KindInvalid},
		"unknown method": {func(r *guest.Request) { r.Method = "x" }, guest.KindUnsupported},
		"no method":      {func(r *guest.Request) { r.Method = "" }, guest.KindUnsupported},
		"no version":     {func(r *guest.Request) { r.Version = 0 }, guest.KindVersion},
	} {
		t.Run(name, func(t *testing.T) {
			request := guest.Request{Version: guest.Version, ID: "a", Method: guest.MethodPing}
			if err := guest.CheckRequest(request); err != nil {
				t.Fatal(err)
			}
			test.change(&request)
			wantKind(t, guest.CheckRequest(request), test.kind)
		})
	}
}

// echo answers with the request it got.
type echo struct{ last guest.Request }

func (e *echo) Call(_ context.Context, r guest.Request) (json.RawMessage, error) {
	e.last = r
	return json.RawMessage(`{}`), nil
}

func (e *echo) Close() error { return nil }

// TestClientMethods has every method say what it asks for.
func TestClientMethods(t *testing.T) {
	wire := &echo{}
	c := guest.NewClient(wire, func() string { return "made" })
	ctx := t.Context()
	for method, call := range map[guest.Method]func() error{
		guest.MethodPing:         func() error { _, err := c.Ping(ctx); return err },
		guest.MethodInspect:      func() error { _, err := c.Inspect(ctx, guest.Inspect{}); return err },
		guest.MethodPrepare:      func() error { _, err := c.Prepare(ctx, "given", guest.Prepare{}); return err },
		guest.MethodRotate:       func() error { _, err := c.Rotate(ctx, "given", guest.Rotate{}); return err },
		guest.MethodPutDatabase:  func() error { _, err := c.PutDatabase(ctx, "given", guest.PutDatabase{}); return err },
		guest.MethodDropDatabase: func() error { _, err := c.DropDatabase(ctx, "given", guest.DropDatabase{}); return err },
		guest.MethodPutUser:      func() error { _, err := c.PutUser(ctx, "given", guest.PutUser{}); return err },
		guest.MethodDropUser:     func() error { _, err := c.DropUser(ctx, "given", guest.DropUser{}); return err },
		guest.MethodConfigure:    func() error { _, err := c.Configure(ctx, "given", guest.Configure{}); return err },
		guest.MethodRestart:      func() error { _, err := c.Restart(ctx, "given"); return err },
		guest.MethodResizeVolume: func() error { _, err := c.ResizeVolume(ctx, "given", guest.ResizeVolume{}); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		want := "made"
		if method.Changes() {
			want = "given"
		}
		if wire.last.Method != method || wire.last.ID != want {
			t.Errorf("%s asked %s with id %s", method, wire.last.Method, wire.last.ID)
		}
		if err := guest.CheckRequest(wire.last); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame(`{"version":1,"id":"a","method":"ping"}`))
	f.Add([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
	f.Add([]byte{0, 0, 0, 4, '{', '}'})
	f.Fuzz(func(t *testing.T, stream []byte) {
		text, err := guest.ReadFrame(bytes.NewReader(stream))
		if err != nil {
			return
		}
		if !bytes.Equal(frame(string(text)), stream[:4+len(text)]) {
			t.Errorf("%q was read from %q", text, stream)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"id":"a","method":"put_user","body":{"name":"a","grants":[]}}`))
	f.Add([]byte(`{"version":1,"id":"a","result":{},"error":null}`))
	f.Add([]byte(`{"version":1,"id":"a","error":{"kind":"engine","message":"no"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if request, err := guest.DecodeRequest(text); err == nil {
			again, err := json.Marshal(request)
			if err != nil {
				t.Fatalf("a request that was read cannot be written: %v", err)
			}
			if second, err := guest.DecodeRequest(again); err != nil || second.ID != request.ID || second.Method != request.Method {
				t.Fatalf("%q became %q: %v", text, again, err)
			}
			_, _ = guest.DecodeBody[guest.PutUser](request.Body)
		} else {
			wantKind(t, err, guest.KindInvalid)
		}
		if reply, err := guest.DecodeReply(text); err == nil {
			_ = guest.CheckReply(reply)
		} else {
			wantKind(t, err, guest.KindInvalid)
		}
	})
}

// brokenWriter is a stream whose other end is gone.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
