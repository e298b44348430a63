package emulator

import (
	"context"
	"net/http"
	"slices"
)

// The statuses in which volumes and ports come and go.
var (
	attachable = []string{srvActive, srvPaused, srvShutoff, srvVerifyResize, srvShelved}
	pluggable  = []string{srvActive, srvPaused, srvShutoff}
)

func attachmentView(c *call, sv *server, a attachment) map[string]any {
	v := map[string]any{"volumeId": a.Volume, "serverId": sv.ID, "device": a.Device}
	if c.micro < 89 {
		v["id"] = a.Volume
	} else {
		v["attachment_id"], v["bdm_uuid"] = a.ID, a.ID
	}
	if c.micro >= 70 {
		v["tag"] = orNil(a.Tag)
	}
	if c.micro >= 79 {
		v["delete_on_termination"] = a.DeleteOnTermination
	}
	return v
}

func (s *Server) listAttachments(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	out := []any{}
	for _, a := range sv.Volumes {
		out = append(out, attachmentView(c, sv, a))
	}
	return c.reply(http.StatusOK, map[string]any{"volumeAttachments": out})
}

func (s *Server) attachmentOf(c *call) (*server, attachment, error) {
	sv, err := s.serverOf(c)
	if err != nil {
		return nil, attachment{}, err
	}
	i := slices.IndexFunc(sv.Volumes, func(a attachment) bool { return a.Volume == c.path("volume") })
	if i < 0 {
		return nil, attachment{}, notFound("Instance %s is not attached to volume %s", sv.ID, c.path("volume"))
	}
	return sv, sv.Volumes[i], nil
}

func (s *Server) showAttachment(c *call) error {
	sv, a, err := s.attachmentOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"volumeAttachment": attachmentView(c, sv, a)})
}

func (s *Server) attachVolume(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	var req struct {
		Attachment struct {
			Volume string   `json:"volumeId"`
			Device string   `json:"device"`
			Delete flexBool `json:"delete_on_termination"`
			Tag    string   `json:"tag"`
		} `json:"volumeAttachment"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	v, ok := s.volumes.get(req.Attachment.Volume)
	if !ok || v.Project != c.project {
		return notFound("Volume %s could not be found.", req.Attachment.Volume)
	}
	if err := s.allowed(sv, "attach_volume", attachable); err != nil {
		return err
	}
	if v.Server != "" && v.Status == volInUse {
		return badRequest("Invalid volume: volume %s is already attached to instances: %s", v.ID, v.Server)
	}
	if v.Status != volAvailable {
		return badRequest("Invalid volume: volume %s status must be available, but current status is: %s.", v.ID, v.Status)
	}
	sv.note(c, "attach_volume")
	a := s.reserve(sv, v, req.Attachment.Device, bool(req.Attachment.Delete), req.Attachment.Tag)
	s.setVolume(v, volAttaching)
	s.save(sv)
	s.startAttach(sv, v.ID)
	return c.reply(http.StatusOK, map[string]any{"volumeAttachment": attachmentView(c, sv, a)})
}

// showVolumes tells a machine that runs which volumes it has now; booting it again does that and nothing else.
func (s *Server) showVolumes(ctx context.Context, id, volumeID string) {
	if err := s.boot(ctx, id); err != nil && ctx.Err() == nil {
		s.opt.Log.Error("showing a server its volumes", "server", id, "volume", volumeID, "error", err)
	}
}

// startAttach shows the volume to the machine, when it runs, and makes it in-use.
func (s *Server) startAttach(sv *server, volumeID string) {
	id, running := sv.ID, sv.plugged()
	s.enqueue(id, false, func(ctx context.Context) {
		if !s.wait(ctx, s.step()) {
			return
		}
		if running {
			s.showVolumes(ctx, id, volumeID)
		}
		s.locked(func() {
			if v, ok := s.volumes.get(volumeID); ok && v.Server == id && (v.Status == volAttaching || v.Status == volReserved) {
				v.AttachedAt = s.now()
				s.setVolume(v, volInUse)
			}
		})
	})
}

func (s *Server) detachVolume(c *call) error {
	sv, a, err := s.attachmentOf(c)
	if err != nil {
		return err
	}
	if err := s.allowed(sv, "detach_volume", attachable); err != nil {
		return err
	}
	v, ok := s.volumes.get(a.Volume)
	if !ok || v.Status != volInUse {
		return badRequest("Invalid volume: Invalid input received: Volume %s status must be in-use to detach.", a.Volume)
	}
	sv.note(c, "detach_volume")
	s.save(sv)
	s.setVolume(v, volDetaching)
	s.startDetach(sv, v.ID)
	return c.reply(http.StatusAccepted, nil)
}

// startDetach takes the volume away from the machine, when it runs, and makes it available.
func (s *Server) startDetach(sv *server, volumeID string) {
	id, running := sv.ID, sv.plugged()
	s.enqueue(id, false, func(ctx context.Context) {
		if !s.wait(ctx, s.step()) {
			return
		}
		if running {
			s.showVolumes(ctx, id, volumeID)
		}
		s.change(id, func(sv *server) {
			sv.Volumes = slices.DeleteFunc(slices.Clone(sv.Volumes), func(a attachment) bool { return a.Volume == volumeID })
			if v, ok := s.volumes.get(volumeID); ok && v.Status == volDetaching {
				s.detached(v)
			}
		})
	})
}

func (s *Server) interfaceView(p *port) map[string]any {
	ips := []any{}
	for _, ip := range p.FixedIPs {
		ips = append(ips, map[string]any{"subnet_id": ip.Subnet, "ip_address": ip.Address})
	}
	state, _ := s.portView(p)["status"].(string)
	return map[string]any{"port_id": p.ID, "net_id": p.Network, "mac_addr": p.MAC, "port_state": state, "fixed_ips": ips}
}

func (s *Server) listInterfaces(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	out := []any{}
	for _, sp := range sv.Ports {
		if p, ok := s.ports.get(sp.ID); ok {
			out = append(out, s.interfaceView(p))
		}
	}
	return c.reply(http.StatusOK, map[string]any{"interfaceAttachments": out})
}

func (s *Server) interfaceOf(c *call) (*server, serverPort, *port, error) {
	sv, err := s.serverOf(c)
	if err != nil {
		return nil, serverPort{}, nil, err
	}
	id := c.path("port")
	i := slices.IndexFunc(sv.Ports, func(sp serverPort) bool { return sp.ID == id })
	p, ok := s.ports.get(id)
	if i < 0 || !ok {
		return nil, serverPort{}, nil, notFound("Instance %s does not have fixed ip or port %s", sv.ID, id)
	}
	return sv, sv.Ports[i], p, nil
}

func (s *Server) showInterface(c *call) error {
	_, _, p, err := s.interfaceOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"interfaceAttachment": s.interfaceView(p)})
}

func (s *Server) attachInterface(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	var req struct {
		Attachment struct {
			Port    string `json:"port_id"`
			Network string `json:"net_id"`
		} `json:"interfaceAttachment"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if err := s.allowed(sv, "attach_interface", pluggable); err != nil {
		return err
	}
	var p *port
	own := req.Attachment.Port == ""
	if own {
		made, err := s.makePorts(c, []netSpec{{Network: req.Attachment.Network}}, nil)
		if err != nil {
			return err
		}
		p = made[0]
	} else if p, err = s.freePort(c, req.Attachment.Port); err != nil {
		return err
	}
	sv.note(c, "attach_interface")
	p.Device, p.DeviceOwner, p.Updated, p.Revision = sv.ID, "compute:"+sv.AZ, s.now(), p.Revision+1
	s.ports.put(p.ID, p)
	sv.Ports = append(slices.Clone(sv.Ports), serverPort{ID: p.ID, Own: own})
	s.save(sv)
	return c.reply(http.StatusOK, map[string]any{"interfaceAttachment": s.interfaceView(p)})
}

// detachInterface accepts also a port that the server does not have, as Nova does: the host would find that out.
func (s *Server) detachInterface(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	if err := s.allowed(sv, "detach_interface", pluggable); err != nil {
		return err
	}
	sv, sp, p, err := s.interfaceOf(c)
	if err != nil {
		return c.reply(http.StatusAccepted, nil)
	}
	sv.note(c, "detach_interface")
	sv.Ports = slices.DeleteFunc(slices.Clone(sv.Ports), func(o serverPort) bool { return o.ID == sp.ID })
	s.save(sv)
	s.unplug(p, sp.Own)
	return c.reply(http.StatusAccepted, nil)
}
