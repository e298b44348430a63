package openstack

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the checksum of Swift's protocol, against damage on the way
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// containerService speaks to Swift. https://docs.openstack.org/api-ref/object-store/
type containerService struct {
	*client
	swift *gophercloud.ServiceClient
}

// swiftRequest is one request; body nil is none.
type swiftRequest struct {
	call, method, path string
	body               []byte
	headers            map[string]string
}

// objectPath escapes the parts of a name, whose slashes stay.
func objectPath(container, name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return url.PathEscape(container) + "/" + strings.Join(parts, "/")
}

func badName(call, format string, values ...any) error {
	return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: fmt.Sprintf(format, values...)}
}

func checkContainer(call, container string) error {
	if container == "" || len(container) > 256 || strings.Contains(container, "/") {
		return badName(call, "a container needs a name of at most 256 bytes without a slash")
	}
	return nil
}

// checkObject also refuses parts that a proxy on the way would resolve.
func checkObject(call, container, name string) error {
	if err := checkContainer(call, container); err != nil {
		return err
	}
	if name == "" || len(name) > 1024 {
		return badName(call, "an object needs a name of at most 1024 bytes")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == ".." {
			return badName(call, "%q is no name of an object", clean(name, 60))
		}
	}
	return nil
}

// raw makes one request whose reply is not JSON, and reads the reply.
func (s *containerService) raw(ctx context.Context, r swiftRequest) ([]byte, http.Header, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, wrapSilence(r.call, fmt.Errorf("%w: %w", errNotBegun, err))
	}
	ctx = providers.WithCall(ctx, providers.Call{Service: shortNames[s.swift.Type], Name: r.call})
	options := gophercloud.RequestOpts{
		MoreHeaders: r.headers, KeepResponseBody: true,
		OkCodes: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent},
	}
	if r.body != nil {
		options.RawBody = bytes.NewReader(r.body)
	}
	resp, err := s.swift.Request(ctx, r.method, s.swift.ServiceURL(r.path), &options)
	if err != nil {
		return nil, nil, s.wrap(r.call, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil && r.method == http.MethodGet {
		return nil, nil, s.wrap(r.call, err)
	}
	return data, resp.Header, nil
}

func (s *containerService) Ensure(ctx context.Context, container string) error {
	const call = "make container"
	if err := checkContainer(call, container); err != nil {
		return err
	}
	_, _, err := s.raw(ctx, swiftRequest{call: call, method: http.MethodPut, path: url.PathEscape(container), body: []byte{}})
	return err
}

func (s *containerService) Put(ctx context.Context, spec providers.ObjectSpec) error {
	const call = "put object"
	if err := checkObject(call, spec.Container, spec.Name); err != nil {
		return err
	}
	sum := md5.Sum(spec.Data) //nolint:gosec // see the import
	r := swiftRequest{
		call: call, method: http.MethodPut, path: objectPath(spec.Container, spec.Name), body: spec.Data,
		headers: map[string]string{"ETag": hex.EncodeToString(sum[:]), "Content-Type": "application/octet-stream"},
	}
	if r.body == nil {
		r.body = []byte{}
	}
	if spec.Create {
		r.headers["If-None-Match"] = "*"
	}
	_, _, err := s.raw(ctx, r)
	return err
}

func (s *containerService) Get(ctx context.Context, container, name string) (providers.Object, error) {
	const call = "get object"
	if err := checkObject(call, container, name); err != nil {
		return providers.Object{}, err
	}
	data, header, err := s.raw(ctx, swiftRequest{
		call: call, method: http.MethodGet, path: objectPath(container, name), headers: map[string]string{"X-Newest": "true", "Accept": "*/*"},
	})
	if err != nil {
		return providers.Object{}, err
	}
	return providers.Object{Data: data, Age: ageOf(header)}, nil
}

// ageOf compares two times that the service itself tells, so that no clock of ours counts: when it answered, and when the
// object was put. Date has whole seconds, so an age may be up to one second short.
func ageOf(header http.Header) time.Duration {
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	if stamp, err := strconv.ParseFloat(header.Get("X-Timestamp"), 64); err == nil && stamp > 0 {
		return max(0, now.Sub(time.UnixMicro(int64(stamp*1e6))))
	}
	put, err := http.ParseTime(header.Get("Last-Modified"))
	if err != nil {
		return 0
	}
	return max(0, now.Sub(put))
}

// List reads the listing to its end, asking for what comes after the last name of each page.
func (s *containerService) List(ctx context.Context, container, prefix string) ([]string, error) {
	const call = "list objects"
	if err := checkContainer(call, container); err != nil {
		return nil, err
	}
	query := url.Values{"format": {"json"}, "limit": {strconv.Itoa(s.pageSize)}}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	var names []string
	for {
		var page []struct {
			Name string `json:"name"`
		}
		if err := s.send(ctx, s.swift, call, http.MethodGet, url.PathEscape(container)+"?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, o := range page {
			if len(names) > 0 && o.Name <= names[len(names)-1] || o.Name == "" {
				return nil, &providers.Error{Kind: providers.KindTransient, Call: call, Status: http.StatusOK, Sent: true,
					Message: "the pages of the list are not in order"}
			}
			names = append(names, o.Name)
		}
		if len(page) == 0 || len(page) < s.pageSize && len(page) < minListing {
			return names, nil
		}
		query.Set("marker", names[len(names)-1])
	}
}

// minListing: a service may answer with shorter pages than were asked for; a page of so few names that is not full is the
// last one.
const minListing = 100

func (s *containerService) Delete(ctx context.Context, container, name string) error {
	const call = "delete object"
	if err := checkObject(call, container, name); err != nil {
		return err
	}
	_, _, err := s.raw(ctx, swiftRequest{call: call, method: http.MethodDelete, path: objectPath(container, name)})
	if providers.IsKind(err, providers.KindNotFound) {
		return nil
	}
	return err
}
