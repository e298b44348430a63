package openstack

import (
	"context"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

type attachmentService struct {
	*client
	nova *gophercloud.ServiceClient
}

// Attach asks for a volume that stays when its server is deleted.
// https://docs.openstack.org/api-ref/compute/#attach-a-volume-to-an-instance
func (s *attachmentService) Attach(ctx context.Context, server, volume string) error {
	const call = "attach volume"
	p, err := path(call, "servers", server, "os-volume_attachments")
	if err != nil {
		return err
	}
	body := map[string]any{"volumeAttachment": map[string]any{"volumeId": volume}}
	return s.send(ctx, s.nova, call, http.MethodPost, p, body, nil)
}

func (s *attachmentService) Detach(ctx context.Context, server, volume string) error {
	const call = "detach volume"
	p, err := path(call, "servers", server, "os-volume_attachments", volume)
	if err != nil {
		return err
	}
	return s.send(ctx, s.nova, call, http.MethodDelete, p, nil, nil)
}
