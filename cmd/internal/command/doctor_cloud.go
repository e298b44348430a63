package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/providers"
)

// cloud asks for a token.
func (d *doctor) cloud(ctx context.Context) *providers.Cloud {
	begun := time.Now()
	cloud, err := d.openCloud(ctx, d.config)
	if err != nil {
		found := cloudDiagnostic(err)
		d.tell("cloud", "", view.Bad, found.Detail, found.Hint)
		return nil
	}
	id := cloud.Identity
	d.tell("cloud", "", view.Good, fmt.Sprintf("%s, project %s, region %s: a token in %d ms", id.AuthURL, id.ProjectName, id.Region, time.Since(begun).Milliseconds()), "")
	d.rights(id)
	d.clock(id)
	for _, alias := range slices.Sorted(maps.Keys(cloud.Others)) {
		if other := cloud.Others[alias]; other.AuthURL == "" {
			d.tell("cloud", alias, view.Bad, "out of reach: what is in it is unknown", "Check its auth_url and the way there.")
		} else {
			d.tell("cloud", alias, view.Good, fmt.Sprintf("%s, project %s, region %s", other.AuthURL, other.ProjectName, other.Region), "")
		}
	}
	return cloud
}

// writing are the policies that an apply needs beside those for looking, in the words of the services' policy files.
const writing = "os_compute_api:servers:create and delete, volume:create, extend and delete, create_port, update_port, create_security_group and " +
	"create_security_group_rule with their deletes"

// skewed is how far a clock may be off before it is worth telling: marks are older than a minute before they are orphans, and
// temporary URLs and locks rest on the clock of the object store.
const skewed = 30 * time.Second

// clock compares this machine's clock with the cloud's.
func (d *doctor) clock(id providers.Identity) {
	switch off := id.ClockAhead.Round(time.Second); {
	case off > skewed:
		d.tell("clock", "", view.Fair, fmt.Sprintf("this machine's is %s ahead of the cloud's", off), "Set it right (NTP).")
	case off < -skewed:
		d.tell("clock", "", view.Fair, fmt.Sprintf("this machine's is %s behind the cloud's", -off), "Set it right (NTP).")
	default:
		d.tell("clock", "", view.Good, "as the cloud's", "")
	}
}

// rights tells what the token's roles are good for. Policies decide in the end, and no cloud tells them.
func (d *doctor) rights(id providers.Identity) {
	roles := slices.Sorted(slices.Values(id.Roles))
	text := "roles " + strings.Join(roles, ", ")
	switch {
	case len(roles) == 0:
		d.tell("rights", "", view.Fair, "the token tells no role", "")
	case slices.Equal(roles, []string{"reader"}):
		d.tell("rights", "", view.Fair, text+": enough for plan, status and drift; apply will be refused", "Ask for the role member in the project, or for the policies "+writing+".")
	default:
		d.tell("rights", "", view.Good, text, "")
	}
}

// services calls every service that plan and apply need.
func (d *doctor) services(ctx context.Context, cloud *providers.Cloud) {
	d.collect(append([]func() view.Finding{
		func() view.Finding {
			return lists(ctx, "compute", "servers", cloud.Servers != nil, func() (int, error) { return keep(&d.premises.servers)(cloud.Servers.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "compute", "flavors", cloud.Flavors != nil, func() (int, error) { return count(cloud.Flavors.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "volume", "volumes", cloud.Volumes != nil, func() (int, error) { return count(cloud.Volumes.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "image", "images", cloud.Images != nil, func() (int, error) { return count(cloud.Images.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "network", "networks", cloud.Networks != nil, func() (int, error) { return count(cloud.Networks.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "network", "ports", cloud.Ports != nil, func() (int, error) { return keep(&d.premises.ports)(cloud.Ports.List(ctx)) })
		},
		func() view.Finding {
			return lists(ctx, "network", "security groups", cloud.SecurityGroups != nil, func() (int, error) { return keep(&d.premises.groups)(cloud.SecurityGroups.List(ctx)) })
		},
		func() view.Finding { return objectStore(ctx, cloud) },
	}, quotas(ctx, cloud)...))
}

// keep counts what was listed, and keeps it.
func keep[T any](into *[]T) func(all []T, err error) (int, error) {
	return func(all []T, err error) (int, error) {
		if err == nil {
			*into = append([]T{}, all...) // not nil: it was listed
		}
		return len(all), err
	}
}

func count[T any](all []T, err error) (int, error) { return len(all), err }

// lists calls one service.
func lists(ctx context.Context, service, what string, there bool, list func() (int, error)) view.Finding {
	out := view.Finding{Check: service, Subject: what, Verdict: view.Bad}
	if !there {
		out.Text, out.Hint = "the cloud does not have this service", "A database server needs it: ask the cloud's operators, or name another region."
		return out
	}
	begun := time.Now()
	n, err := list()
	if err != nil {
		out.Text = err.Error()
		out.Hint = cloudDiagnostic(err).Hint
		if forbidden(err) {
			out.Hint = "The policy of this service forbids it to the roles of these credentials: ask for the role reader (to look) or member (to apply) in the project."
		}
		return out
	}
	out.Verdict, out.Text = view.Good, fmt.Sprintf("%d, in %d ms", n, time.Since(begun).Milliseconds())
	return out
}

// forbidden tells what a policy refuses from credentials that are not accepted.
func forbidden(err error) bool {
	var e *providers.Error
	return errors.As(err, &e) && e.Status == http.StatusForbidden
}

// objectStore is needed for shared states and backups alone.
func objectStore(ctx context.Context, cloud *providers.Cloud) view.Finding {
	out := view.Finding{Check: "object-store", Verdict: view.Fair}
	if cloud.Containers == nil {
		out.Text = "the cloud has none: no shared state in Swift, no backups"
		return out
	}
	// A container that is not there is an answer too: the service works and lets us in.
	_, err := cloud.Containers.List(ctx, "trovectl-doctor", "")
	if err != nil && !providers.IsKind(err, providers.KindNotFound) {
		out.Text, out.Hint = err.Error(), "A shared state in Swift and backups need it."
		if forbidden(err) {
			out.Hint = "These credentials may not use the object store: ask for a role that its operator_roles name (often member or swiftoperator). " + out.Hint
		}
		return out
	}
	out.Verdict, out.Text = view.Good, "answers"
	return out
}
