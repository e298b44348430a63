package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

func (s *Server) novaActionRoutes() []route {
	return []route{
		nova("POST /servers/{id}/action", s.serverAction),
		nova("GET /servers/{id}/os-instance-actions", s.listActions),
		nova("GET /servers/{id}/os-instance-actions/{request}", s.showAction),
		nova("GET /servers/{id}/os-volume_attachments", s.listAttachments),
		nova("POST /servers/{id}/os-volume_attachments", s.attachVolume),
		nova("GET /servers/{id}/os-volume_attachments/{volume}", s.showAttachment),
		nova("DELETE /servers/{id}/os-volume_attachments/{volume}", s.detachVolume),
		nova("GET /servers/{id}/os-interface", s.listInterfaces),
		nova("POST /servers/{id}/os-interface", s.attachInterface),
		nova("GET /servers/{id}/os-interface/{port}", s.showInterface),
		nova("DELETE /servers/{id}/os-interface/{port}", s.detachInterface),
	}
}

// serverAction serves POST .../action; the body's only member names the action.
// https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action
func (s *Server) serverAction(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	var req map[string]json.RawMessage
	if err := c.decode(&req); err != nil {
		return err
	}
	if len(req) != 1 {
		return badRequest("There is no such action: %d members in the body", len(req))
	}
	if sv.Task == taskScheduling { // Nova has not placed it in a cell yet
		return notFound("Instance %s could not be found.", sv.ID)
	}
	for name, body := range req {
		if m, ok := moves[name]; ok {
			return s.move(c, sv, m)
		}
		if what, ok := adminActions[name]; ok {
			return forbidden("Policy doesn't allow os_compute_api:%s to be performed.", what)
		}
		switch name {
		case "reboot":
			return s.reboot(c, sv, body)
		case "os-getConsoleOutput":
			return s.consoleOutput(c, sv, body)
		case "resize":
			return s.resize(c, sv, body)
		case "confirmResize":
			return s.confirmResize(c, sv)
		case "rebuild":
			return s.rebuild(c, sv, body)
		case "lock", "unlock":
			return s.lock(c, sv, name == "lock", body)
		case "addSecurityGroup", "removeSecurityGroup":
			return s.regroup(c, sv, name == "addSecurityGroup", body)
		case "forceDelete":
			if err := unlocked(sv); err != nil {
				return err
			}
			s.startDelete(sv)
			return c.reply(http.StatusAccepted, nil)
		default:
			return badRequest("There is no such action: %s", name)
		}
	}
	return nil
}

func (s *Server) reboot(c *call, sv *server, body json.RawMessage) error {
	var req struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return badRequest("Invalid input for field/attribute reboot.")
	}
	switch strings.ToUpper(req.Type) {
	case "SOFT":
		return s.move(c, sv, move{name: "reboot", from: []string{srvActive}, shows: srvReboot, task: taskReboot})
	case "HARD":
		from := []string{srvActive, srvShutoff, srvPaused, srvSuspended, srvError}
		return s.move(c, sv, move{name: "reboot", from: from, shows: srvHardReboot, task: taskRebootHard})
	}
	return badRequest("Invalid input for field/attribute type. Value: %s. '%s' is not one of ['HARD', 'SOFT']", req.Type, req.Type)
}

func (s *Server) resize(c *call, sv *server, body json.RawMessage) error {
	var req struct {
		Flavor string `json:"flavorRef"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return badRequest("Invalid input for field/attribute resize.")
	}
	if err := s.allowed(sv, "resize", []string{srvActive, srvShutoff}); err != nil {
		return err
	}
	if _, ok := flavorByID(req.Flavor); !ok {
		return badRequest("Flavor %s could not be found.", req.Flavor)
	}
	if req.Flavor == sv.Flavor {
		return badRequest("When resizing, instances must change flavor!")
	}
	if err := s.novaRoom(c.project, 0, req.Flavor); err != nil {
		return err
	}
	sv.NewFlavor, sv.Status = req.Flavor, srvResize
	sv.note(c, "resize")
	return s.begin(c, sv, taskResize)
}

func (s *Server) confirmResize(c *call, sv *server) error {
	if err := s.allowed(sv, "confirmResize", []string{srvVerifyResize}); err != nil {
		return err
	}
	sv.OldFlavor, sv.Status = "", srvActive
	sv.note(c, "confirmResize")
	s.save(sv)
	return c.reply(http.StatusNoContent, nil)
}

func (s *Server) consoleOutput(c *call, sv *server, body json.RawMessage) error {
	var req struct {
		Length *flexInt `json:"length"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return badRequest("Invalid input for field/attribute os-getConsoleOutput.")
	}
	if sv.Status == srvBuild {
		return conflict("Instance %s is not ready", sv.ID)
	}
	lines := 10000
	if req.Length != nil && *req.Length >= 0 {
		lines = min(int(*req.Length), lines)
	}
	output := ""
	if s.opt.Machines != nil {
		var err error
		if output, err = s.opt.Machines.Console(sv.ID, lines); err != nil {
			return notFound("Unable to get console log: %v", err)
		}
	}
	return c.reply(http.StatusOK, map[string]any{"output": output})
}
