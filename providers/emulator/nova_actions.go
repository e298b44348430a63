package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) novaActionRoutes() []route {
	return []route{
		nova("POST /servers/{id}/action", s.serverAction),
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
		if p, plain := powers[name]; plain {
			return s.power(c, sv, p)
		}
		switch name {
		case "lock", "unlock":
			sv.Locked = name == "lock"
			s.save(sv)
			return c.reply(http.StatusAccepted, nil)
		case "reboot":
			return s.reboot(c, sv, body)
		case "os-getConsoleOutput":
			return s.consoleOutput(c, sv, body)
		case "resize":
			return s.resize(c, sv, body)
		case "confirmResize":
			return s.confirmResize(c, sv)
		case "revertResize":
			if err := s.allowed(sv, "revertResize", []string{srvVerifyResize}); err != nil {
				return err
			}
			sv.Status = srvRevertResize
			return s.begin(c, sv, taskReverting)
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

// allowed refuses an action that the server's state does not permit, in Nova's words.
func (s *Server) allowed(sv *server, action string, statuses []string) error {
	if err := unlocked(sv); err != nil {
		return err
	}
	if sv.Task != "" {
		return conflict("Cannot '%s' instance %s while it is in task_state %s", action, sv.ID, sv.Task)
	}
	if !slices.Contains(statuses, sv.Status) {
		return conflict("Cannot '%s' instance %s while it is in vm_state %s", action, sv.ID, sv.vmState())
	}
	return nil
}

// unlocked refuses what a locked server does not let happen to it; reading and renaming are allowed.
func unlocked(sv *server) error {
	if sv.Locked {
		return conflict("Instance %s is locked", sv.ID)
	}
	return nil
}

// begin starts the work of a task and answers that it was accepted.
func (s *Server) begin(c *call, sv *server, task string) error {
	sv.Task = task
	s.save(sv)
	s.startTask(sv)
	return c.reply(http.StatusAccepted, nil)
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
		if err := s.allowed(sv, "reboot", []string{srvActive}); err != nil {
			return err
		}
		sv.Status = srvReboot
		return s.begin(c, sv, taskReboot)
	case "HARD":
		if err := s.allowed(sv, "reboot", []string{srvActive, srvShutoff, srvPaused, srvSuspended, srvError}); err != nil {
			return err
		}
		sv.Status = srvHardReboot
		return s.begin(c, sv, taskRebootHard)
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
	return s.begin(c, sv, taskResize)
}

func (s *Server) confirmResize(c *call, sv *server) error {
	if err := s.allowed(sv, "confirmResize", []string{srvVerifyResize}); err != nil {
		return err
	}
	sv.OldFlavor, sv.Status = "", srvActive
	s.save(sv)
	return c.reply(http.StatusNoContent, nil)
}

// startTask queues what the server's task_state says is under way; a restart of the cloud queues it again.
func (s *Server) startTask(sv *server) {
	id, task := sv.ID, sv.Task
	s.enqueue(id, false, func(ctx context.Context) {
		if !s.wait(ctx, s.step()) {
			return
		}
		err := s.runTask(ctx, id, task)
		if ctx.Err() != nil {
			return
		}
		s.change(id, func(sv *server) {
			sv.Task = ""
			switch {
			case err != nil:
				s.fail(sv, "The task "+task+" failed: "+err.Error())
			case downStatus[task] != "":
				sv.Status = downStatus[task]
			case task == taskResize:
				sv.Status = srvVerifyResize
			default:
				sv.Status, sv.Fault = srvActive, nil
				s.attachAll(sv)
			}
		})
	})
}

// runTask does with the machine what the task asks for. Every branch may be repeated.
func (s *Server) runTask(ctx context.Context, id, task string) error {
	if !slices.Contains(upTasks, task) {
		if err := s.halt(ctx, id); err != nil {
			return err
		}
	}
	if downStatus[task] != "" {
		return nil
	}
	s.change(id, func(sv *server) {
		if task == taskResize && sv.NewFlavor != "" {
			sv.OldFlavor, sv.Flavor, sv.NewFlavor = sv.Flavor, sv.NewFlavor, ""
		}
		if task == taskReverting && sv.OldFlavor != "" {
			sv.Flavor, sv.OldFlavor = sv.OldFlavor, ""
		}
	})
	return s.boot(ctx, id)
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
