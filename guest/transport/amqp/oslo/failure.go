package oslo

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Modules of the exceptions that a python client makes of a failure.
const (
	moduleDispatcher = "oslo_messaging.rpc.dispatcher"
	moduleBuiltins   = "builtins"
)

// A Failure is what a server answers instead of a result. A python client makes an exception of it: of its own class when it
// allows the module, which is then called with Args and Kwargs; of any other module a RemoteError. It travels in clear, so it
// holds no secret.
type Failure struct {
	Class   string          `json:"class"`
	Module  string          `json:"module"`
	Message string          `json:"message"`
	Trace   []string        `json:"tb"`
	Args    json.RawMessage `json:"args"`
	Kwargs  json.RawMessage `json:"kwargs"`
}

// MarshalJSON fills in what python iterates over.
func (f Failure) MarshalJSON() ([]byte, error) {
	type plain Failure
	if f.Trace == nil {
		f.Trace = []string{}
	}
	if len(f.Args) == 0 {
		f.Args = json.RawMessage("[]")
	}
	if len(f.Kwargs) == 0 {
		f.Kwargs = json.RawMessage("{}")
	}
	return json.Marshal(plain(f))
}

// Error says which exception it was, and its text.
func (f *Failure) Error() string { return fmt.Sprintf("%s: %s", f.Class, f.Message) }

// NoSuchMethod is what a server answers to a method that it does not have.
func NoSuchMethod(method string) *Failure {
	return &Failure{Class: "NoSuchMethod", Module: moduleDispatcher, Message: fmt.Sprintf("Endpoint does not support RPC method %.100s", method)}
}

func unsupportedVersion(r Request) *Failure {
	said := fmt.Sprintf("Endpoint does not support RPC version %.100s. Attempted method: %.100s", r.Version, r.Method)
	return &Failure{Class: "UnsupportedVersion", Module: moduleDispatcher, Message: said}
}

// asFailure is the failure that an error is, or stands for.
func asFailure(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	return &Failure{Class: "RuntimeError", Module: moduleBuiltins, Message: err.Error()}
}
