package emulator

import (
	"bytes"
	"encoding/json"
)

// hang keeps a client waiting until it gives up, or the cloud is closed.
func (s *Server) hang(c *call) error {
	select {
	case <-c.r.Context().Done():
	case <-s.ctx.Done():
	}
	return errDropped
}

// truncated is the first half of an answer.
func truncated(answer []byte) []byte { return answer[:len(answer)/2] }

// mistyped is an answer in which every text is a number and every number and truth value a text.
func mistyped(answer []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	var whole any
	if decoder.Decode(&whole) != nil {
		return answer
	}
	spoiled, err := json.Marshal(otherType(whole))
	if err != nil {
		return answer
	}
	return spoiled
}

func otherType(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = otherType(value)
		}
	case []any:
		for i, value := range v {
			v[i] = otherType(value)
		}
	case string:
		return len(v)
	case json.Number:
		return v.String()
	case bool:
		return "yes"
	}
	return v
}
