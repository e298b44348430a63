package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// blob is an object of a container.
type blob struct {
	data []byte
	put  time.Time
}

type containerService struct{ c *Cloud }

// instant is the cloud's own time; c.mu is held.
func (c *Cloud) instant() time.Time {
	if c.options.Now != nil {
		return c.options.Now()
	}
	return c.now
}

func (s *containerService) Ensure(ctx context.Context, container string) error {
	const call = "make container"
	if container == "" || len(container) > 256 || strings.Contains(container, "/") {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: "a container needs a name of at most 256 bytes without a slash"}
	}
	return s.c.do(ctx, call, container, func(*Fault) error {
		if s.c.boxes[container] == nil {
			s.c.boxes[container] = map[string]blob{}
		}
		return nil
	})
}

func (s *containerService) Put(ctx context.Context, spec providers.ObjectSpec) error {
	const call = "put object"
	if spec.Name == "" || len(spec.Name) > 1024 {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: "an object needs a name of at most 1024 bytes"}
	}
	return s.c.do(ctx, call, spec.Name, func(*Fault) error {
		box := s.c.boxes[spec.Container]
		if box == nil {
			return refuse(providers.KindNotFound, call, "The resource could not be found.")
		}
		if _, taken := box[spec.Name]; taken && spec.Create {
			return refuse(providers.KindConflict, call, "A precondition for this request was not met.")
		}
		box[spec.Name] = blob{slices.Clone(spec.Data), s.c.instant()}
		return nil
	})
}

func (s *containerService) Get(ctx context.Context, container, name string) (providers.Object, error) {
	const call = "get object"
	var found providers.Object
	err := s.c.do(ctx, call, name, func(*Fault) error {
		b, there := s.c.boxes[container][name]
		if !there {
			return refuse(providers.KindNotFound, call, "The resource could not be found.")
		}
		found = providers.Object{Data: slices.Clone(b.data), Age: s.c.instant().Sub(b.put)}
		return nil
	})
	if err != nil {
		return providers.Object{}, err
	}
	return found, nil
}

func (s *containerService) List(ctx context.Context, container, prefix string) ([]string, error) {
	const call = "list objects"
	var names []string
	err := s.c.do(ctx, call, container, func(*Fault) error {
		box, there := s.c.boxes[container]
		if !there {
			return refuse(providers.KindNotFound, call, "The resource could not be found.")
		}
		for _, name := range slices.Sorted(maps.Keys(box)) {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (s *containerService) Delete(ctx context.Context, container, name string) error {
	return s.c.do(ctx, "delete object", name, func(*Fault) error {
		delete(s.c.boxes[container], name)
		return nil
	})
}
