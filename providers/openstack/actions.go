package openstack

import (
	"context"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

type actionService struct {
	*client
	nova *gophercloud.ServiceClient
}

// act posts an action. https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action
func (a *actionService) act(ctx context.Context, call, id string, body, out any) error {
	p, err := path(call, "servers", id, "action")
	if err != nil {
		return err
	}
	return a.send(ctx, a.nova, call, http.MethodPost, p, body, out)
}

func (a *actionService) Start(ctx context.Context, id string) error {
	return a.act(ctx, "start server", id, map[string]any{"os-start": nil}, nil)
}

func (a *actionService) Stop(ctx context.Context, id string) error {
	return a.act(ctx, "stop server", id, map[string]any{"os-stop": nil}, nil)
}

func (a *actionService) Reboot(ctx context.Context, id string, hard bool) error {
	kind := "SOFT"
	if hard {
		kind = "HARD"
	}
	return a.act(ctx, "reboot server", id, map[string]any{"reboot": map[string]any{"type": kind}}, nil)
}

// Resize implements providers.Resizes.
func (a *actionService) Resize(ctx context.Context, id, flavorID string) error {
	return a.act(ctx, "resize server", id, map[string]any{"resize": map[string]any{"flavorRef": flavorID}}, nil)
}

// Confirm implements providers.Resizes.
func (a *actionService) Confirm(ctx context.Context, id string) error {
	return a.act(ctx, "confirm server resize", id, map[string]any{"confirmResize": nil}, nil)
}

// Revert implements providers.Resizes.
func (a *actionService) Revert(ctx context.Context, id string) error {
	return a.act(ctx, "revert server resize", id, map[string]any{"revertResize": nil}, nil)
}

// Console gives the last lines of the console's log, as the guest wrote them: not fit for a terminal as it is.
func (a *actionService) Console(ctx context.Context, id string, lines int) (string, error) {
	var reply struct{ Output string }
	body := map[string]any{"os-getConsoleOutput": map[string]any{"length": lines}}
	err := a.act(ctx, "read server console", id, body, &reply)
	return reply.Output, err
}
