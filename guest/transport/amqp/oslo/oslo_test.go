package oslo

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestVectors: what Trove's own code encrypts, we decrypt, and the other way round.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Key, IV string
		Crypto  []struct {
			Key        string `json:"key"`
			IV         string `json:"iv_hex"`
			Plaintext  string `json:"plaintext"`
			Ciphertext []byte `json:"ciphertext_b64"`
		}
		Entities []struct {
			JSON string `json:"json"`
			Wire []byte `json:"wire"`
		}
		Plain  json.RawMessage            `json:"plain_context"`
		Secure map[string]json.RawMessage `json:"secure_context"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Crypto) < 50 {
		t.Fatalf("only %d vectors", len(vectors.Crypto))
	}
	iv := func(text string) (iv [16]byte) {
		if n, err := hex.Decode(iv[:], []byte(text)); err != nil || n != len(iv) {
			t.Fatalf("%q is no IV", text)
		}
		return iv
	}
	for _, v := range vectors.Crypto {
		s := NewSecure(v.Key)
		if got := s.encrypt(iv(v.IV), []byte(v.Plaintext)); string(got) != string(v.Ciphertext) {
			t.Errorf("%q encrypts to %x", v.Plaintext, got)
		}
		if got, err := s.decrypt(v.Ciphertext); err != nil || string(got) != v.Plaintext {
			t.Errorf("%q decrypts to %q, %v", v.Plaintext, got, err)
		}
	}
	s := NewSecure(vectors.Key)
	for _, v := range vectors.Entities {
		if got := s.encrypt(iv(vectors.IV), []byte(v.JSON)); string(got) != string(v.Wire) {
			t.Errorf("%s encrypts to %x", v.JSON, got)
		}
		wire, err := json.Marshal(v.Wire)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Decode(wire); err != nil || string(got) != v.JSON {
			t.Errorf("%s decodes to %s, %v", v.JSON, got, err)
		}
	}
	context, err := s.DecodeContext(vectors.Secure)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(vectors.Plain, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asAny(t, want), asAny(t, context)); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func asAny(t *testing.T, values map[string]json.RawMessage) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSecureRefuses(t *testing.T) {
	s := NewSecure("a key")
	other, err := NewSecure("another key").Encode(json.RawMessage(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		`"DROP TABLE"`, `null`, `{}`, `5`, `[1]`, `"abcd"`, `""`, `"AAAAAAAAAAAAAAAAAAAAAA=="`, string(other), "",
	} {
		if got, err := s.Decode(json.RawMessage(value)); !errors.Is(err, ErrNotEncrypted) {
			t.Errorf("%s decodes to %s, %v", value, got, err)
		}
	}
	for _, context := range []string{`{}`, `{"context":"plain"}`, `{"context":{"user":"u"}}`, `{"user":"u"}`} {
		var values map[string]json.RawMessage
		if err := json.Unmarshal([]byte(context), &values); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DecodeContext(values); !errors.Is(err, ErrNotEncrypted) {
			t.Errorf("%s: %v", context, err)
		}
	}
}

func TestSecureRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSecure(rapid.String().Draw(t, "key"))
		value, err := json.Marshal(rapid.String().Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		wire, err := s.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Decode(wire); err != nil || string(got) != string(value) {
			t.Fatalf("%s, %v", got, err)
		}
	})
}

// Messages as an oslo.messaging of 2022 and Trove 18 send them; the captures are in the notes on the format.
const (
	capturedCall = `{"oslo.version": "2.0", "oslo.message": "{\"method\": \"echo\", \"args\": {\"a\": 1, \"s\": \"\\u00e9\"}, \"version\": \"1.0\", \"_msg_id\": \"24b719715c274fccbcc5615af87118f8\", \"_reply_q\": \"reply_fa18e27c2b6540f68ecfa7362c11350d\", \"_timeout\": null, \"_unique_id\": \"5a632bb0e23540c9b4d91ee494db9c75\", \"_context_user\": \"u1\", \"_context_request_id\": \"req-1\"}"}`
	capturedSign = `{"oslo.version": "2.0", "oslo.message": "{\"result\": null, \"failure\": null, \"ending\": false, \"_msg_id\": \"c3db\", \"_unique_id\": \"2fc9\"}"}`
	capturedFail = `{"oslo.version": "2.0", "oslo.message": "{\"result\": null, \"failure\": \"{\\\"class\\\": \\\"ValueError\\\", \\\"module\\\": \\\"builtins\\\", \\\"message\\\": \\\"('bad value', 7)\\\", \\\"tb\\\": [\\\"Traceback\\\"], \\\"args\\\": [\\\"bad value\\\", 7], \\\"kwargs\\\": {}}\", \"ending\": true, \"_msg_id\": \"c3db\", \"_unique_id\": \"2fc9\"}"}`
)

func TestCaptured(t *testing.T) {
	call, err := DecodeRequest([]byte(capturedCall))
	if err != nil {
		t.Fatal(err)
	}
	want := Request{
		Method: "echo", Version: "1.0", ID: "24b719715c274fccbcc5615af87118f8", Unique: "5a632bb0e23540c9b4d91ee494db9c75",
		Reply:   "reply_fa18e27c2b6540f68ecfa7362c11350d",
		Args:    map[string]json.RawMessage{"a": json.RawMessage(`1`), "s": json.RawMessage(`"\u00e9"`)},
		Context: map[string]json.RawMessage{"user": json.RawMessage(`"u1"`), "request_id": json.RawMessage(`"req-1"`)},
	}
	if diff := cmp.Diff(want, call); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	sign, err := DecodeReply([]byte(capturedSign))
	if err != nil || sign.Ending || sign.ID != "c3db" {
		t.Errorf("sign of life: %+v, %v", sign, err)
	}
	failed, err := DecodeReply([]byte(capturedFail))
	if err != nil {
		t.Fatal(err)
	}
	wantFailure := &Failure{
		Class: "ValueError", Module: "builtins", Message: "('bad value', 7)", Trace: []string{"Traceback"},
		Args: json.RawMessage(`["bad value", 7]`), Kwargs: json.RawMessage(`{}`),
	}
	if diff := cmp.Diff(wantFailure, failed.Failure); diff != "" || !failed.Ending {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestEncodings(t *testing.T) {
	call, err := EncodeRequest(Request{Method: "m", ID: "i", Unique: "u", Reply: "q", Version: "1.0", Monitor: 4900 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	cast, err := EncodeRequest(Request{Method: "m", Unique: "u", Context: map[string]json.RawMessage{"user": json.RawMessage(`"x"`)}})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := EncodeReply(Reply{ID: "i", Unique: "u", Ending: true})
	if err != nil {
		t.Fatal(err)
	}
	failure, err := EncodeReply(Reply{ID: "i", Unique: "u", Ending: true, Failure: NoSuchMethod("m")})
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		string(call):  `{"_msg_id":"i","_reply_q":"q","_timeout":4,"_unique_id":"u","args":{},"method":"m","version":"1.0"}`,
		string(cast):  `{"_context_user":"x","_unique_id":"u","args":{},"method":"m"}`,
		string(reply): `{"_msg_id":"i","_unique_id":"u","ending":true,"failure":null,"result":null}`,
		string(failure): `{"_msg_id":"i","_unique_id":"u","ending":true,"failure":` + strconv.Quote(
			`{"class":"NoSuchMethod","module":"oslo_messaging.rpc.dispatcher","message":"Endpoint does not support RPC method m","tb":[],"args":[],"kwargs":{}}`) + `,"result":null}`,
	} {
		if want := `{"oslo.version":"2.0","oslo.message":` + strconv.Quote(want) + `}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	inner := func(text string) string { return `{"oslo.version":"2.0","oslo.message":` + strconv.Quote(text) + `}` }
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "hello", "a list": "[17]", "null": "null",
		"a newer envelope":         `{"oslo.version":"2.1","oslo.message":"{\"method\":\"m\"}"}`,
		"another major envelope":   `{"oslo.version":"3.0","oslo.message":"{\"method\":\"m\"}"}`,
		"no version":               `{"oslo.version":"two","oslo.message":"{\"method\":\"m\"}"}`,
		"an envelope of an object": `{"oslo.version":"2.0","oslo.message":{"method":"m"}}`,
		"an empty envelope":        `{"oslo.version":"2.0"}`,
		"no method":                inner(`{}`),
		"a method that is no text": inner(`{"method":1}`),
		"an empty method":          inner(`{"method":""}`),
		"arguments as a list":      inner(`{"method":"m","args":[1]}`),
		"an id that is no text":    inner(`{"method":"m","_msg_id":1}`),
		"inner no JSON":            inner(`hello`),
	} {
		if got, err := DecodeRequest([]byte(body)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
		if got, err := DecodeReply([]byte(body)); err == nil {
			t.Errorf("%s as a reply: %+v", name, got)
		}
	}
	if _, err := DecodeRequest([]byte(`{"method":"m"}`)); err != nil {
		t.Errorf("a bare message: %v", err)
	}
	reply, err := DecodeReply([]byte(inner(`{"_msg_id":"i","ending":true,"failure":"not JSON"}`)))
	if err != nil || reply.Failure == nil {
		t.Errorf("a failure that cannot be read is still one: %+v, %v", reply, err)
	}
	for _, monitor := range []string{"-1", "1e300", "null"} {
		r, err := DecodeRequest([]byte(inner(`{"method":"m","_timeout":` + monitor + `}`)))
		if err != nil || r.Monitor != 0 {
			t.Errorf("a monitor of %s: %v, %v", monitor, r.Monitor, err)
		}
	}
}

func TestCompatible(t *testing.T) {
	for _, c := range []struct {
		requested, implemented string
		want                   bool
	}{
		{"1.0", "1.0", true},
		{"1.0", "1.1", true},
		{"1.1", "1.1", true},
		{"1.2", "1.1", false},
		{"2.0", "1.1", false},
		{"0.9", "1.1", false},
		{"1", "1.0", false},
		{"x.y", "1.0", false},
		{"1.-1", "1.0", false},
		{"", "1.0", false},
	} {
		if got := Compatible(c.requested, c.implemented); got != c.want {
			t.Errorf("%s at %s: %v", c.requested, c.implemented, got)
		}
	}
}

func TestFilter(t *testing.T) {
	var f filter
	id := func(i int) string { return "id" + strconv.Itoa(i) }
	for i := range 3 * remembered {
		if !f.first(id(i)) || f.first(id(i)) {
			t.Fatalf("%s was not once the first", id(i))
		}
	}
	if f.first(id(2*remembered)) || !f.first(id(0)) {
		t.Error("it remembers others than the last")
	}
	for range 2 {
		if !f.first("") {
			t.Error("no id is always new")
		}
	}
	if len(f.known) > remembered {
		t.Errorf("it holds %d ids", len(f.known))
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{capturedCall, capturedSign, capturedFail, `{"method":"m","_timeout":4}`, "", "[]", strings.Repeat("[", 10000)} {
		f.Add([]byte(body))
	}
	secure := NewSecure("key")
	f.Fuzz(func(t *testing.T, body []byte) {
		if request, err := DecodeRequest(body); err == nil {
			if request.Unique == "" || !json.Valid(body) {
				request.Unique = "u"
			}
			again, err := EncodeRequest(request)
			if err != nil {
				t.Fatalf("encoding it again: %v", err)
			}
			second, err := DecodeRequest(again)
			if err != nil {
				t.Fatalf("%s: %v", again, err)
			}
			second.Monitor, request.Monitor = 0, 0 // below 2 s it is none
			if request.ID == "" {
				return
			}
			if second.Method != request.Method || second.ID != request.ID || second.Reply != request.Reply || len(second.Args) != len(request.Args) {
				t.Fatalf("%+v became %+v", request, second)
			}
			for _, value := range request.Args {
				if _, err := secure.Decode(value); err == nil {
					t.Fatalf("%s decrypts", value)
				}
			}
		}
		if reply, err := DecodeReply(body); err == nil {
			if _, err := EncodeReply(reply); err != nil {
				t.Fatalf("encoding it again: %v", err)
			}
		}
	})
}
