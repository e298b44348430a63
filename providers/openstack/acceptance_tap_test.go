//go:build acceptance

package openstack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/trovectl/trovectl/providers"
)

// tap stands between the client and a real cloud and brings about, of the real services, what they do not do on demand.
type tap struct {
	next http.RoundTripper

	mu           sync.Mutex
	lists        int
	denied, lost string // the call that is refused, and the one whose answer gets lost
	image        string // that the next server is made of
}

var errLost = errors.New("the connection broke before the answer")

func (p *tap) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied, p.lost, p.image = "", "", ""
}

func (p *tap) deny(call string)   { p.set(&p.denied, call) }
func (p *tap) lose(call string)   { p.set(&p.lost, call) }
func (p *tap) unfit(image string) { p.set(&p.image, image) }
func (p *tap) set(to *string, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*to = what
}

func (p *tap) listCalls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lists
}

// RoundTrip implements http.RoundTripper.
func (p *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	call := providers.CallOf(req.Context()).Name
	p.mu.Lock()
	if call == "list servers" {
		p.lists++
	}
	lost, denied, image := p.lost == call, p.denied == call, ""
	if lost {
		p.lost = ""
	}
	if call == "create server" {
		image, p.image = p.image, ""
	}
	p.mu.Unlock()
	var err error
	if denied {
		req = administrative(req)
	}
	if image != "" {
		if req, err = withImage(req, image); err != nil {
			return nil, err
		}
	}
	resp, err := p.next.RoundTrip(req)
	if err == nil && lost {
		_ = resp.Body.Close()
		return nil, errLost
	}
	return resp, err
}

// administrative turns the creation of a volume into that of a volume type, which the policy keeps from a member.
func administrative(req *http.Request) *http.Request {
	other := req.Clone(req.Context())
	other.URL.Path = strings.TrimSuffix(req.URL.Path, "/volumes") + "/types"
	return withBody(other, []byte(`{"volume_type": {"name": "contract"}}`))
}

// withImage changes the image of a server that is asked for.
func withImage(req *http.Request, image string) (*http.Request, error) {
	var body map[string]map[string]any
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return nil, err
	}
	body["server"]["imageRef"] = image
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return withBody(req.Clone(req.Context()), text), nil
}

func withBody(req *http.Request, text []byte) *http.Request {
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
	return req
}
