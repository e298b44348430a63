package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// shortNames are what users call the services.
var shortNames = map[string]string{"compute": "compute", "block-storage": "volume", "image": "image", "network": "network", "object-store": "object-store"}

var errNotBegun = errors.New("not begun")

// idForm is what may stand in a path. Every service's ids are UUIDs or, for flavors, short words.
var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// path makes a path of a service. A part that is no id cannot name anything, so it is KindNotFound, without a request.
func path(call string, parts ...string) (string, error) {
	joined := ""
	for i, part := range parts {
		if !idForm.MatchString(part) {
			return "", &providers.Error{Kind: providers.KindNotFound, Call: call, Message: fmt.Sprintf("%q is no id", clean(part, 60))}
		}
		if i > 0 {
			joined += "/"
		}
		joined += part
	}
	return joined, nil
}

// send makes one request and decodes the reply into out, unless out is nil.
func (c *client) send(ctx context.Context, service *gophercloud.ServiceClient, call, method, path string, body, out any) error {
	if err := ctx.Err(); err != nil {
		return wrapSilence(call, fmt.Errorf("%w: %w", errNotBegun, err))
	}
	ctx = providers.WithCall(ctx, providers.Call{Service: shortNames[service.Type], Name: call})
	options := gophercloud.RequestOpts{
		JSONBody: body, KeepResponseBody: true,
		OkCodes: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent},
	}
	resp, err := service.Request(ctx, method, service.ServiceURL(path), &options)
	if err != nil {
		return c.wrap(call, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if out == nil {
		_, err := io.Copy(io.Discard, resp.Body) // so that the connection can be used again
		if method == http.MethodDelete || err == nil {
			return nil // what was asked for is done, whatever happened to the rest of the reply
		}
		return c.wrap(call, err)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return &providers.Error{Kind: providers.KindTransient, Call: call, Status: resp.StatusCode, Sent: true, Err: err,
			RequestID: requestID(resp.Header), Message: "the reply cannot be understood: " + clean(err.Error(), maxMessage)}
	}
	return nil
}

// remove deletes what may be gone already.
func (c *client) remove(ctx context.Context, service *gophercloud.ServiceClient, call string, parts ...string) error {
	p, err := path(call, parts...)
	if err == nil {
		err = c.send(ctx, service, call, http.MethodDelete, p, nil, nil)
	}
	if providers.IsKind(err, providers.KindNotFound) {
		return nil
	}
	return err
}

// link is a page's pointer to the next, where the service gives a list of them.
type link struct {
	Href string `json:"href"`
	Rel  string `json:"rel"`
}

// list reads a collection to its end. key is the collection's name in the reply ("servers"). The next page is asked for by
// marker, the id of the last object: the addresses in a service's own links are wrong behind many proxies. Where that
// object is deleted before the next page is asked for, the service no longer knows where it was, and the list begins anew.
func list[T interface{ identifier() string }](ctx context.Context, c *client, service *gophercloud.ServiceClient, call, path, key string, query url.Values) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(c.pageSize))
	var all []T
	seen := map[string]bool{}
	for begun := 1; ; {
		var reply map[string]json.RawMessage
		err := c.send(ctx, service, call, http.MethodGet, path+"?"+query.Encode(), nil, &reply)
		if begun < mostBeginnings && query.Has("marker") && lostMarker(err) {
			begun++
			query.Del("marker")
			all, seen = nil, map[string]bool{}
			continue
		}
		if err != nil {
			return nil, err
		}
		var page []T
		more, err := readPage(reply, key, &page)
		if err != nil {
			return nil, &providers.Error{Kind: providers.KindTransient, Call: call, Status: http.StatusOK, Sent: true, Err: err,
				Message: "the reply cannot be understood: " + clean(err.Error(), maxMessage)}
		}
		fresh := 0
		for _, object := range page {
			if id := object.identifier(); !seen[id] { // pages may overlap when objects come and go meanwhile
				seen[id] = true
				all = append(all, object)
				fresh++
			}
		}
		if !more || len(page) == 0 {
			return all, nil
		}
		if fresh == 0 {
			return nil, &providers.Error{Kind: providers.KindTransient, Call: call, Status: http.StatusOK, Sent: true,
				Message: "the pages of the list repeat themselves"}
		}
		query.Set("marker", page[len(page)-1].identifier())
	}
}

// mostBeginnings bounds how often a list begins, whose markers vanish.
const mostBeginnings = 5

// lostMarker tells whether a service may have refused a page because it does not know its marker: 400, or 404 of some.
func lostMarker(err error) bool {
	var refused *providers.Error
	return errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound)
}

// readPage decodes a page and tells whether another follows.
func readPage(reply map[string]json.RawMessage, key string, page any) (bool, error) {
	raw, there := reply[key]
	if !there {
		return false, fmt.Errorf("it has no %q", key)
	}
	if err := json.Unmarshal(raw, page); err != nil {
		return false, err
	}
	if next, there := reply["next"]; there { // Glance
		var address string
		if err := json.Unmarshal(next, &address); err != nil {
			return false, err
		}
		return address != "", nil
	}
	var links []link
	if raw, there := reply[key+"_links"]; there {
		if err := json.Unmarshal(raw, &links); err != nil {
			return false, err
		}
	}
	for _, l := range links {
		if l.Rel == "next" && l.Href != "" {
			return true, nil
		}
	}
	return false, nil
}

// unmarked refuses a create whose mark would not be found again.
func unmarked(call string, mark providers.Mark) error {
	if err := mark.Valid(); err != nil {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: err.Error(), Err: err}
	}
	return nil
}

// nameless makes an error of a successful create whose reply has no id. The object is there: it is found by its mark.
func nameless(call, id string) error {
	if idForm.MatchString(id) {
		return nil
	}
	return &providers.Error{Kind: providers.KindTransient, Call: call, Sent: true, Message: "the reply names no id"}
}
