package oslo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The envelope is an object whose oslo.message is a JSON text in a JSON string. The format is that of
// oslo_messaging/_drivers/common.py (serialize_msg) and amqp.py.
type envelope struct {
	Version string `json:"oslo.version"`
	Message string `json:"oslo.message"`
}

const (
	envelopeVersion = "2.0"
	contextPrefix   = "_context_"
)

// minMonitor is the shortest time to a sign of life that servers accept.
const minMonitor = 2 * time.Second

func wrap(message any) ([]byte, error) {
	inner, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	return json.Marshal(envelope{envelopeVersion, string(inner)})
}

// unwrap returns the inner text. A bare message without an envelope is older and accepted.
func unwrap(body []byte) ([]byte, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("a message has %d bytes, allowed are %d", len(body), maxBody)
	}
	var outer struct {
		Version *string `json:"oslo.version"`
		Message *string `json:"oslo.message"`
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		return nil, errors.New("not a JSON object, or a broken envelope")
	}
	if outer.Version == nil {
		return body, nil
	}
	if outer.Message == nil {
		return nil, errors.New("a broken envelope")
	}
	if !Compatible(*outer.Version, envelopeVersion) {
		return nil, errors.New("an envelope of another version than " + envelopeVersion)
	}
	return []byte(*outer.Message), nil
}

// Compatible tells whether who implements a version serves a request for another: the same major one, and a minor one that
// is not higher.
func Compatible(requested, implemented string) bool {
	wantMajor, wantMinor, ok1 := parseVersion(requested)
	hasMajor, hasMinor, ok2 := parseVersion(implemented)
	return ok1 && ok2 && wantMajor == hasMajor && wantMinor <= hasMinor
}

func parseVersion(text string) (major, minor int, ok bool) {
	before, after, _ := strings.Cut(text, ".")
	major, err1 := strconv.Atoi(before)
	minor, err2 := strconv.Atoi(after)
	return major, minor, err1 == nil && err2 == nil && major >= 0 && minor >= 0
}

// EncodeRequest makes the body of a request.
func EncodeRequest(r Request) ([]byte, error) {
	args := r.Args
	if args == nil {
		args = map[string]json.RawMessage{}
	}
	message := map[string]any{"method": r.Method, "args": args, "_unique_id": r.Unique}
	for key, value := range map[string]string{
		"version": r.Version, "namespace": r.Namespace, "_msg_id": r.ID, "_reply_q": r.Reply,
	} {
		if value != "" {
			message[key] = value
		}
	}
	if r.ID != "" {
		message["_timeout"] = monitorSeconds(r.Monitor)
	}
	for key, value := range r.Context {
		message[contextPrefix+key] = value
	}
	return wrap(message)
}

// monitorSeconds is the field's value: whole seconds, or null for no signs of life.
func monitorSeconds(monitor time.Duration) any {
	if monitor < minMonitor {
		return nil
	}
	return int(monitor / time.Second)
}

// DecodeRequest reads the body of a request. It says why a body is none, without its content.
func DecodeRequest(body []byte) (Request, error) {
	inner, err := unwrap(body)
	if err != nil {
		return Request{}, err
	}
	var known struct {
		Method    *string                    `json:"method"`
		Namespace *string                    `json:"namespace"`
		Version   *string                    `json:"version"`
		Args      map[string]json.RawMessage `json:"args"`
		ID        *string                    `json:"_msg_id"`
		Unique    *string                    `json:"_unique_id"`
		Reply     *string                    `json:"_reply_q"`
		Timeout   *float64                   `json:"_timeout"`
	}
	if err := json.Unmarshal(inner, &known); err != nil || known.Method == nil || *known.Method == "" {
		return Request{}, errors.New("not a request")
	}
	r := Request{
		Method: *known.Method, Namespace: text(known.Namespace), Version: text(known.Version), Args: known.Args,
		ID: text(known.ID), Unique: text(known.Unique), Reply: text(known.Reply),
	}
	const longest = 24 * 60 * 60
	if known.Timeout != nil && *known.Timeout >= 0 && *known.Timeout <= longest {
		r.Monitor = time.Duration(*known.Timeout) * time.Second
	}
	r.Context = map[string]json.RawMessage{}
	if !bytes.Contains(inner, []byte(contextPrefix)) {
		return r, nil // ours have none; reading them twice would be a waste
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(inner, &all); err != nil {
		return Request{}, errors.New("not a request")
	}
	for key, value := range all {
		if name, ok := strings.CutPrefix(key, contextPrefix); ok {
			r.Context[name] = value
		}
	}
	return r, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// EncodeReply makes the body of a reply or a sign of life.
func EncodeReply(r Reply) ([]byte, error) {
	result := r.Result
	if len(result) == 0 {
		result = json.RawMessage("null")
	}
	message := map[string]any{
		"result": result, "failure": nil, "ending": r.Ending, "_msg_id": r.ID, "_unique_id": r.Unique,
	}
	if r.Failure != nil {
		failure, err := json.Marshal(r.Failure)
		if err != nil {
			return nil, fmt.Errorf("encoding a failure: %w", err)
		}
		message["failure"] = string(failure)
	}
	return wrap(message)
}

// DecodeReply reads the body of a reply or a sign of life.
func DecodeReply(body []byte) (Reply, error) {
	inner, err := unwrap(body)
	if err != nil {
		return Reply{}, err
	}
	var known struct {
		Result  json.RawMessage `json:"result"`
		Failure *string         `json:"failure"`
		Ending  bool            `json:"ending"`
		ID      string          `json:"_msg_id"`
		Unique  string          `json:"_unique_id"`
	}
	if err := json.Unmarshal(inner, &known); err != nil || known.ID == "" {
		return Reply{}, errors.New("not a reply")
	}
	reply := Reply{ID: known.ID, Unique: known.Unique, Result: known.Result, Ending: known.Ending}
	if known.Failure != nil {
		reply.Failure = &Failure{}
		if err := json.Unmarshal([]byte(*known.Failure), reply.Failure); err != nil {
			reply.Failure = &Failure{Class: "unreadable", Message: "a failure that cannot be read"}
		}
	}
	return reply, nil
}
