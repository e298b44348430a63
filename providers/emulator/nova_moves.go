package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A move takes a server from one of the statuses in from to what its task ends in.
// https://docs.openstack.org/nova/latest/reference/vm-states.html
type move struct {
	name  string // as refusals call it
	from  []string
	shows string // the status while the task runs; empty: as it was
	task  string
}

// moves are the actions without a body, by the member of the request that names them.
var moves = map[string]move{
	"os-start":      {name: "start", from: []string{srvShutoff}, task: taskStarting},
	"os-stop":       {name: "stop", from: []string{srvActive, srvError}, task: taskStopping},
	"pause":         {name: "pause", from: []string{srvActive}, task: taskPausing},
	"unpause":       {name: "unpause", from: []string{srvPaused}, task: taskUnpausing},
	"suspend":       {name: "suspend", from: []string{srvActive}, task: taskSuspending},
	"resume":        {name: "resume", from: []string{srvSuspended}, task: taskResuming},
	"shelve":        {name: "shelve", from: []string{srvActive, srvShutoff, srvPaused, srvSuspended}, task: taskShelving},
	"shelveOffload": {name: "shelveOffload", from: nil, task: taskShelving}, // a shelved server leaves its host at once
	"unshelve":      {name: "unshelve", from: []string{srvShelved}, task: taskUnshelving},
	"revertResize":  {name: "revertResize", from: []string{srvVerifyResize}, shows: srvRevertResize, task: taskReverting},
}

// ends are the statuses that tasks end in; all others end in ACTIVE.
var ends = map[string]string{
	taskStopping: srvShutoff, taskResize: srvVerifyResize, taskPausing: srvPaused, taskSuspending: srvSuspended, taskShelving: srvShelved,
}

// adminActions are refused to members, by the policy that says so.
var adminActions = map[string]string{
	"os-resetState": "os-admin-actions:reset_state", "os-migrateLive": "os-migrate-server:migrate_live", "migrate": "os-migrate-server:migrate",
	"evacuate": "os-evacuate", "injectNetworkInfo": "os-admin-actions:inject_network_info",
}

// unlocked refuses changes of a server that its owner locked.
func unlocked(sv *server) error {
	if sv.Locked {
		return conflict("Instance %s is locked", sv.ID)
	}
	return nil
}

// allowed refuses an action that the server's lock or its state does not permit, in Nova's words.
func (s *Server) allowed(sv *server, action string, statuses []string) error {
	if err := unlocked(sv); err != nil {
		return err
	}
	if (action == "start" || action == "stop") && sv.Status == srvShelved {
		return conflict("Instance %s is not ready", sv.ID) // no host has it
	}
	if !slices.Contains(statuses, sv.Status) && (sv.Task == "" || sv.vmState() != "active" || !slices.Contains(statuses, srvActive)) {
		return conflict("Cannot '%s' instance %s while it is in vm_state %s", action, sv.ID, sv.vmState())
	}
	if sv.Task != "" {
		return conflict("Cannot '%s' instance %s while it is in task_state %s", action, sv.ID, sv.Task)
	}
	return nil
}

func (s *Server) move(c *call, sv *server, m move) error {
	if err := s.allowed(sv, m.name, m.from); err != nil {
		return err
	}
	if m.shows != "" {
		sv.Status = m.shows
	}
	sv.note(c, m.name)
	return s.begin(c, sv, m.task)
}

// begin starts the work of a task and answers that it was accepted.
func (s *Server) begin(c *call, sv *server, task string) error {
	sv.Task = task
	s.save(sv)
	s.startTask(sv)
	return c.reply(http.StatusAccepted, nil)
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
			end, special := ends[task]
			switch {
			case err != nil:
				s.fail(sv, "The task "+task+" failed: "+err.Error())
			case special:
				sv.Status = end
			default:
				sv.Status, sv.Fault = srvActive, nil
				s.attachAll(sv)
			}
		})
	})
}

// runTask does with the machine what the task asks for. Every branch may be repeated. A server that is paused or suspended has no
// processes: they start again with it.
func (s *Server) runTask(ctx context.Context, id, task string) error {
	if !slices.Contains([]string{taskStarting, taskUnpausing, taskResuming, taskUnshelving}, task) {
		if err := s.halt(ctx, id); err != nil {
			return err
		}
	}
	if end, special := ends[task]; special && end != srvVerifyResize {
		return nil
	}
	if task == taskRebuild {
		if err := s.forget(ctx, id); err != nil {
			return err
		}
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

// forget removes the machine's disk but keeps the volumes, so that the next boot is a first boot.
func (s *Server) forget(ctx context.Context, id string) error {
	if s.opt.Machines != nil {
		if err := s.opt.Machines.Destroy(ctx, id); err != nil {
			return fmt.Errorf("removing the disk: %w", err)
		}
	}
	s.change(id, func(sv *server) { sv.Booted = false })
	return nil
}

// rebuild gives a server a new disk, of its own image or of another one.
// https://docs.openstack.org/api-ref/compute/#rebuild-server-rebuild-action
func (s *Server) rebuild(c *call, sv *server, body json.RawMessage) error {
	var req struct {
		Image    string            `json:"imageRef"`
		Name     *string           `json:"name"`
		Metadata map[string]string `json:"metadata"`
		UserData *string           `json:"user_data"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return badRequest("Invalid input for field/attribute rebuild.")
	}
	if err := s.allowed(sv, "rebuild", []string{srvActive, srvShutoff, srvError}); err != nil {
		return err
	}
	if img, ok := s.images.get(req.Image); !ok || img.Status != imageActive {
		return badRequest("Cannot find image for rebuild")
	}
	if err := checkMetadata(req.Metadata); err != nil {
		return err
	}
	if req.UserData != nil && c.micro >= 57 {
		data, err := decodeUserData(*req.UserData)
		if err != nil {
			return err
		}
		if err := s.saveUserData(sv.ID, data); err != nil {
			return err
		}
	}
	set(&sv.Name, req.Name)
	if req.Metadata != nil {
		sv.Metadata = req.Metadata
	}
	sv.Image, sv.Status = req.Image, srvRebuild
	sv.note(c, "rebuild")
	if err := s.begin(c, sv, taskRebuild); err != nil {
		return err
	}
	v := s.serverView(c, sv)
	if c.micro < 75 {
		v["adminPass"] = s.adminPass()
	}
	return c.reply(http.StatusAccepted, map[string]any{"server": v})
}

// lock keeps members from changing a server until it is unlocked.
func (s *Server) lock(c *call, sv *server, on bool, body json.RawMessage) error {
	var req *struct {
		Reason string `json:"locked_reason"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return badRequest("Invalid input for field/attribute lock.")
	}
	sv.Locked, sv.LockedReason = on, ""
	if on && req != nil && c.micro >= 73 {
		sv.LockedReason = req.Reason
	}
	sv.note(c, map[bool]string{true: "lock", false: "unlock"}[on])
	s.save(sv)
	return c.reply(http.StatusAccepted, nil)
}

// regroup adds a security group to all ports of the server, or takes it away.
func (s *Server) regroup(c *call, sv *server, add bool, body json.RawMessage) error {
	var req struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(body, &req); err != nil || req.Name == "" {
		return badRequest("Invalid input for field/attribute name. Value: %s.", req.Name)
	}
	g, ok := s.groupByName(c.project, req.Name)
	if !ok {
		return notFound("Security group %s not found for project %s.", req.Name, c.project)
	}
	changed := false
	for _, sp := range sv.Ports {
		p, ok := s.ports.get(sp.ID)
		if !ok || slices.Contains(p.Groups, g.ID) == add {
			continue
		}
		if changed = true; add {
			p.Groups = append(slices.Clone(p.Groups), g.ID)
		} else {
			p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), func(id string) bool { return id == g.ID })
		}
		p.Updated, p.Revision = s.now(), p.Revision+1
		s.ports.put(p.ID, p)
	}
	if !changed && !add {
		return notFound("Security group %s not associated with the instance %s", g.ID, sv.ID)
	}
	return c.reply(http.StatusAccepted, nil)
}

// serverActionRecord is one line of what was asked of a server.
type serverActionRecord struct {
	Name, Request string
	Start         time.Time
}

// maxActions bounds what is remembered of one server.
const maxActions = 50

// note remembers that an action was accepted.
func (sv *server) note(c *call, name string) {
	sv.Actions = append(slices.Clone(sv.Actions), serverActionRecord{Name: name, Request: c.w.Header().Get("X-Openstack-Request-Id"), Start: c.cloud.now()})
	if n := len(sv.Actions); n > maxActions {
		sv.Actions = sv.Actions[n-maxActions:]
	}
}

func (s *Server) actionView(c *call, sv *server, a serverActionRecord) map[string]any {
	v := map[string]any{
		"action": a.Name, "instance_uuid": sv.ID, "request_id": a.Request, "user_id": s.userID(), "project_id": sv.Project,
		"start_time": micro(a.Start), "message": nil,
	}
	if c.micro >= 58 {
		v["updated_at"] = micro(a.Start)
	}
	return v
}

// listActions lists what was asked of a server, the newest first.
func (s *Server) listActions(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	out := []any{}
	for _, a := range slices.Backward(sv.Actions) {
		out = append(out, s.actionView(c, sv, a))
	}
	return c.reply(http.StatusOK, map[string]any{"instanceActions": out})
}

func (s *Server) showAction(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	for _, a := range sv.Actions {
		if a.Request == c.path("request") {
			v := s.actionView(c, sv, a)
			v["events"] = []any{}
			return c.reply(http.StatusOK, map[string]any{"instanceAction": v})
		}
	}
	return notFound("Action %s not found", c.path("request"))
}
