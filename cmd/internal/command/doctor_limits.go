package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/providers"
)

// quotas examine what the project may have, service by service.
func quotas(ctx context.Context, cloud *providers.Cloud) []func() view.Finding {
	if cloud.Limits == nil {
		return nil
	}
	examine := func(service string, read func(context.Context) ([]providers.Limit, error)) func() view.Finding {
		return func() view.Finding {
			all, err := read(ctx)
			return quota(service, all, err)
		}
	}
	return []func() view.Finding{
		examine("compute", cloud.Limits.Compute), examine("volume", cloud.Limits.Storage), examine("network", cloud.Limits.Network),
	}
}

// quota tells what is used of the limits of a service. Without them a plan cannot tell what lacks room, and goes on.
func quota(service string, all []providers.Limit, err error) view.Finding {
	out := view.Finding{Check: "quota", Subject: service, Verdict: view.Good}
	var texts []string
	for _, l := range all {
		if l.Max == providers.Unlimited {
			continue
		}
		name := strings.ReplaceAll(l.Resource, "_", " ")
		if l.Provider != "" {
			name = l.Provider + " " + name
		}
		texts = append(texts, fmt.Sprintf("%s %d of %d", name, l.Used, l.Max))
		if l.Used >= l.Max {
			out.Verdict, out.Hint = view.Fair, "What is used up cannot be made: ask for a larger quota, or remove what is not needed."
		}
	}
	switch {
	case err != nil && len(all) == 0:
		out.Verdict, out.Text, out.Hint = view.Fair, err.Error(), "A plan cannot tell then whether there is room for it."
	case len(all) == 0:
		out.Verdict, out.Text = view.Fair, "the service does not tell its limits"
	case len(texts) == 0:
		out.Text = "no limits"
	default:
		out.Text = "used are " + strings.Join(texts, ", ")
	}
	return out
}
