package openstack

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// message is what a service says went wrong. kind is Neutron's word for it ("OverQuota"); json: it was said in JSON.
type message struct {
	text, kind string
	json       bool
}

const maxMessage = 400

var (
	headOfPage = regexp.MustCompile(`(?is)<(head|style|script)\b.*?</(head|style|script)>`)
	tag        = regexp.MustCompile(`<[^>]*>`)
)

// messageOf finds the text in an error body. Each service has a form of its own:
//
//	Nova, Cinder  {"badRequest": {"code": 400, "message": "..."}}
//	Keystone      {"error": {"code": 401, "message": "...", "title": "Unauthorized"}}
//	Neutron       {"NeutronError": {"type": "OverQuota", "message": "...", "detail": ""}}, or a string
//	Glance        HTML or plain text; {"message": "...", "code": "404 Not Found", "title": "..."}
//	middleware    {"errors": [{"title": "...", "detail": "..."}]}
func messageOf(body []byte) message {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) == nil {
		m := messageOfObject(object)
		m.json = true
		return m
	}
	page := headOfPage.ReplaceAll(body, nil)
	return message{text: clean(string(tag.ReplaceAll(page, []byte(" "))), maxMessage)}
}

func messageOfObject(object map[string]json.RawMessage) message {
	if m := messageIn(object); m.text != "" {
		return m
	}
	for _, value := range object {
		var inner map[string]json.RawMessage
		if json.Unmarshal(value, &inner) == nil {
			if m := messageIn(inner); m.text != "" {
				return m
			}
		}
		var text string
		if len(object) == 1 && json.Unmarshal(value, &text) == nil && text != "" {
			return message{text: clean(text, maxMessage)}
		}
		var list []map[string]json.RawMessage
		if json.Unmarshal(value, &list) == nil && len(list) > 0 {
			if m := messageIn(list[0]); m.text != "" {
				return m
			}
		}
	}
	return message{}
}

func messageIn(object map[string]json.RawMessage) message {
	word := func(key string) string {
		var text string
		if raw, there := object[key]; there && json.Unmarshal(raw, &text) != nil {
			return ""
		}
		return text
	}
	for _, key := range []string{"message", "detail", "title"} {
		if text := word(key); text != "" {
			return message{text: clean(text, maxMessage), kind: clean(word("type"), 80)}
		}
	}
	return message{}
}

// clean makes untrusted text fit for one line of a terminal: no control characters, single spaces, a bounded length.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "..."
	}
	return text
}
