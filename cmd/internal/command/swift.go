package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state/swift"
)

// swiftAddress says where a state in Swift is: "swift://CONTAINER/KEY", and "?cloud=NAME&region=NAME" where that is not the
// cloud that the databases are in.
type swiftAddress struct{ container, key, cloud, region string }

const swiftForm = "swift://CONTAINER/KEY, with ?cloud=NAME where the state is in another cloud or project than the databases"

func parseSwift(address string) (swiftAddress, error) {
	wrong := fmt.Errorf("the state address %q cannot be read: want %s", address, swiftForm)
	rest, ok := strings.CutPrefix(address, "swift://")
	if !ok {
		return swiftAddress{}, wrong
	}
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return swiftAddress{}, wrong
	}
	a := swiftAddress{cloud: values.Get("cloud"), region: values.Get("region")}
	values.Del("cloud")
	values.Del("region")
	a.container, a.key, ok = strings.Cut(rest, "/")
	if !ok || len(values) > 0 {
		return swiftAddress{}, wrong
	}
	return a, a.check()
}

// swiftBlock reads state "swift" { container = ... key = ... }.
func swiftBlock(block *config.StateBlock) (swiftAddress, error) {
	known := []string{"container", "key", "cloud", "region"}
	for name := range block.Args {
		if !slices.Contains(known, name) {
			return swiftAddress{}, fmt.Errorf("state \"swift\" has no argument %q; it has %s", name, strings.Join(known, ", "))
		}
	}
	a := swiftAddress{block.Args["container"], block.Args["key"], block.Args["cloud"], block.Args["region"]}
	return a, a.check()
}

func (a swiftAddress) check() error {
	parts := strings.Split(a.key, "/")
	switch {
	case a.container == "" || strings.Contains(a.container, "/"):
		return fmt.Errorf("a state in Swift needs the name of a container without a slash: %s", swiftForm)
	case slices.ContainsFunc(parts, func(part string) bool { return part == "" || part == "." || part == ".." }) || len(a.key) > 200:
		return fmt.Errorf("%q is no key of a state in Swift: want a name such as \"prod\" or \"team/prod\"", a.key)
	}
	return nil
}

func (a swiftAddress) String() string {
	text := "swift://" + a.container + "/" + a.key
	values := url.Values{}
	if a.cloud != "" {
		values.Set("cloud", a.cloud)
	}
	if a.region != "" {
		values.Set("region", a.region)
	}
	if len(values) > 0 {
		text += "?" + values.Encode()
	}
	return text
}

// openSwift reaches the cloud that has the state: the one that is named, else that of the databases.
func (m *Meta) openSwift(ctx context.Context, c *config.Config, a swiftAddress) (*swift.Store, error) {
	asked := defaultProvider(c)
	if a.cloud != "" {
		asked = config.Provider{Cloud: a.cloud}
	}
	if a.region != "" {
		asked.Args = maps.Clone(asked.Args)
		if asked.Args == nil {
			asked.Args = map[string]string{}
		}
		asked.Args["region"] = a.region
	}
	cloud, err := m.connect(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("reaching the cloud that has the state: %w", err)
	}
	if cloud.Containers == nil {
		return nil, fmt.Errorf("the cloud %s has no object store (no service \"object-store\" in region %s) to keep the state in",
			cloud.Identity.AuthURL, cloud.Identity.Region)
	}
	return swift.New(objects{cloud.Containers, a.container}, a.String(), a.key, swift.Options{Lease: m.haste().lease}), nil
}

// objects is a container in the words of the store.
type objects struct {
	containers providers.Containers
	container  string
}

var _ swift.Objects = objects{}

// word puts the store's word for an error before it.
func word(err error, word error) error { return fmt.Errorf("%w: %w", word, err) }

func (o objects) Prepare(ctx context.Context) error {
	err := o.containers.Ensure(ctx, o.container)
	if providers.IsKind(err, providers.KindDenied) {
		return word(err, swift.ErrDenied)
	}
	return err
}

// Put takes a refusal for what it is. A transient error says nothing, not even where the request was not sent: an earlier
// one of the same call may have been.
func (o objects) Put(ctx context.Context, name string, data []byte, create bool) error {
	err := o.containers.Put(ctx, providers.ObjectSpec{Container: o.container, Name: name, Data: data, Create: create})
	var e *providers.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case providers.KindConflict:
		if create {
			return word(err, swift.ErrExists)
		}
		return err
	case providers.KindDenied:
		return word(err, swift.ErrDenied)
	case providers.KindNotFound, providers.KindQuota, providers.KindInvalid:
		return word(err, swift.ErrRefused)
	default: // KindTransient
		return err
	}
}

func (o objects) Get(ctx context.Context, name string) (swift.Object, error) {
	object, err := o.containers.Get(ctx, o.container, name)
	if err != nil {
		return swift.Object{}, notFound(err)
	}
	return swift.Object{Data: object.Data, Age: object.Age}, nil
}

func (o objects) List(ctx context.Context, prefix string) ([]string, error) {
	names, err := o.containers.List(ctx, o.container, prefix)
	return names, notFound(err)
}

func (o objects) Delete(ctx context.Context, name string) error {
	return o.containers.Delete(ctx, o.container, name)
}

func notFound(err error) error {
	if providers.IsKind(err, providers.KindNotFound) {
		return word(err, swift.ErrNotFound)
	}
	return err
}
