package guest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxID bounds a request id, in bytes. Intent ids are far shorter; the bound keeps the outcome file small.
const maxID = 200

// frameHeader is the length prefix of a frame: four bytes, big endian, counting the JSON text that follows.
const frameHeader = 4

// WriteFrame writes one message as a frame, in a single Write. It fails with KindInvalid when the text is empty or
// longer than MaxMessage; nothing has been written then.
func WriteFrame(w io.Writer, text []byte) error {
	if len(text) == 0 || len(text) > MaxMessage {
		return Errorf(KindInvalid, "a message has %d bytes, allowed are 1 to %d", len(text), MaxMessage)
	}
	frame := make([]byte, frameHeader, frameHeader+len(text))
	binary.BigEndian.PutUint32(frame, uint32(len(text)))
	if _, err := w.Write(append(frame, text...)); err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	return nil
}

// ReadFrame reads the text of one frame. It returns io.EOF when the stream ends between frames, io.ErrUnexpectedEOF
// (wrapped) when it ends inside one, and KindInvalid when the length is impossible, which means that the peer speaks
// something else. Memory grows with the bytes that arrive, not with the length that was promised.
func ReadFrame(r io.Reader) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("reading the length of a message: %w", err)
	}
	length := int64(binary.BigEndian.Uint32(header[:]))
	if length == 0 || length > MaxMessage {
		return nil, Errorf(KindInvalid, "a message claims %d bytes (it begins with %q), allowed are 1 to %d",
			length, header[:], MaxMessage)
	}
	var text bytes.Buffer
	if _, err := io.CopyN(&text, r, length); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	return text.Bytes(), nil
}

// DecodeRequest reads a request strictly: wrong types and malformed JSON are KindInvalid, fields it does not know are
// left to newer peers. The request it returns beside an error carries the ID when that could be read, so that the
// error can be sent back to who waits for it. The version is not checked here: CheckRequest does.
func DecodeRequest(text []byte) (Request, error) {
	var request Request
	if err := decode(text, &request); err != nil {
		return Request{ID: salvageID(text)}, err
	}
	return request, nil
}

// DecodeReply reads a reply as strictly as DecodeRequest reads a request. A reply that has both a result and an error
// is KindInvalid.
func DecodeReply(text []byte) (Reply, error) {
	var reply Reply
	if err := decode(text, &reply); err != nil {
		return Reply{ID: salvageID(text)}, err
	}
	if reply.Error != nil && len(reply.Result) > 0 {
		return Reply{ID: reply.ID}, Errorf(KindInvalid, "a reply has both a result and an error")
	}
	return reply, nil
}

// DecodeBody reads a request's body or a reply's result into a new T. No text at all is the zero T.
func DecodeBody[T any](text json.RawMessage) (T, error) {
	var body T
	if len(text) == 0 {
		return body, nil
	}
	err := decode(text, &body)
	return body, err
}

func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		// The decoder's own text quotes the value, which may be a secret.
		return Errorf(KindInvalid, "field %q has the wrong type, wanted %s", wrongType.Field, wrongType.Type)
	default:
		return Errorf(KindInvalid, "not a message of this language: malformed JSON")
	}
}

// salvageID finds the id of a message of which another part is wrong.
func salvageID(text []byte) string {
	var only struct {
		ID json.RawMessage `json:"id"`
	}
	var id string
	if json.Unmarshal(text, &only) != nil || json.Unmarshal(only.ID, &id) != nil {
		return ""
	}
	return id
}

// CheckRequest tells whether this side can answer the request: the version is ours, the method is known and the id can
// be recorded. The error is *Error of KindVersion, KindUnsupported or KindInvalid, nil when all is well.
func CheckRequest(request Request) *Error {
	if request.Version != Version {
		return versionError("trovectl", request.Version, "this agent", Version)
	}
	if request.ID == "" || len(request.ID) > maxID {
		return Errorf(KindInvalid, "a request id has %d bytes, allowed are 1 to %d", len(request.ID), maxID)
	}
	if !request.Method.known() {
		return Errorf(KindUnsupported, "this agent does not know the method %q", clip(string(request.Method)))
	}
	return nil
}

// CheckReply returns what the reply means to the caller: the agent's own error, KindVersion when the agent speaks
// another version, KindInvalid when the reply says nothing, or nil when it carries a result.
func CheckReply(reply Reply) *Error {
	switch {
	case reply.Error != nil:
		return reply.Error
	case reply.Version != Version:
		return versionError("this trovectl", Version, "the agent", reply.Version)
	case len(reply.Result) == 0:
		return Errorf(KindInvalid, "the agent's reply has neither a result nor an error")
	}
	return nil
}

func versionError(client string, clients int, agent string, agents int) *Error {
	older, remedy := agent, "upgrade the agent"
	if clients < agents {
		older, remedy = client, "use a newer trovectl"
	}
	return Errorf(KindVersion, "%s speaks version %d and %s version %d: %s is the older side, %s",
		client, clients, agent, agents, older, remedy)
}

func (m Method) known() bool {
	switch m {
	case MethodPing, MethodInspect, MethodPrepare, MethodRotate, MethodPutDatabase, MethodDropDatabase, MethodPutUser,
		MethodDropUser, MethodConfigure, MethodRestart, MethodResizeVolume, MethodPutRoot, MethodPutLogs, MethodRotateLog,
		MethodCertify, MethodMetrics, MethodReadLog:
		return true
	}
	return false
}

func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// Answer makes the reply to the request with that id: result as JSON, or err. An err that is no *Error is a defect of
// the agent and becomes KindInternal.
func Answer(id string, result any, err error) Reply {
	reply := Reply{Version: Version, ID: id}
	if err == nil {
		text, broken := json.Marshal(result)
		if broken == nil {
			reply.Result = text
			return reply
		}
		err = Errorf(KindInternal, "encoding the answer: %v", broken)
	}
	var known *Error
	if !errors.As(err, &known) {
		known = Errorf(KindInternal, "%v", err)
	}
	reply.Error = known
	return reply
}
