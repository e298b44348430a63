package memory

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

type actionService struct{ c *Cloud }

// act starts a motion of a server that is in one of the statuses.
func (a *actionService) act(ctx context.Context, call, id, task, to string, from ...string) error {
	return a.c.do(ctx, call, id, func(*Fault) error {
		row := a.c.servers.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Instance %s could not be found.", id)
		}
		for _, status := range from {
			if row.Status == status && row.to == "" {
				row.TaskState = task
				if shown, is := rebootStatus[task]; is {
					row.Status = shown
				}
				row.start(to, a.c.options.Looks)
				return nil
			}
		}
		return refuse(providers.KindConflict, call, "Cannot do it while the instance is in vm_state %s, task_state %s", row.Status, row.TaskState)
	})
}

// rebootStatus is what Nova shows while a server reboots; other tasks leave the status as it is.
var rebootStatus = map[string]string{"rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT"}

func (a *actionService) Start(ctx context.Context, id string) error {
	return a.act(ctx, "start server", id, "powering-on", toActive, "SHUTOFF")
}

func (a *actionService) Stop(ctx context.Context, id string) error {
	return a.act(ctx, "stop server", id, "powering-off", toStopped, "ACTIVE", "ERROR")
}

func (a *actionService) Reboot(ctx context.Context, id string, hard bool) error {
	if !hard {
		return a.act(ctx, "reboot server", id, "rebooting", toActive, "ACTIVE")
	}
	return a.act(ctx, "reboot server", id, "rebooting_hard", toActive, "ACTIVE", "SHUTOFF", "ERROR")
}

func (a *actionService) Console(ctx context.Context, id string, _ int) (string, error) {
	const call = "read server console"
	var text string
	err := a.c.do(ctx, call, id, func(*Fault) error {
		row := a.c.servers.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Instance %s could not be found.", id)
		}
		text = "memory: " + row.Name + " " + row.Status + "\n"
		return nil
	})
	return text, err
}

// moveServers counts one look at a server, or at all, and carries out the motions that are due.
func (c *Cloud) moveServers(only string) {
	var due []*server
	c.mu.Lock()
	visit := func(row *server) {
		if row.look() {
			row.moving = true
			due = append(due, row)
		}
	}
	if only == "" {
		c.servers.each(visit)
	} else if row := c.servers.get(only); row != nil {
		visit(row)
	}
	c.mu.Unlock()
	for _, row := range due {
		c.moveServer(row)
	}
}

// moveServer calls the hooks without the lock, and before the new status can be seen, so that who sees ACTIVE finds the
// guest that the hook made.
func (c *Cloud) moveServer(row *server) {
	c.mu.Lock()
	to, view, wasUp := row.to, row.view(), row.up
	booted := to == toActive || (to == toResized || to == toReverted) && row.before == "ACTIVE"
	if to != toConfirmed {
		row.up = false
	}
	c.mu.Unlock()
	defer func() { // also when a hook panics
		c.mu.Lock()
		row.moving = false
		c.mu.Unlock()
	}()
	if wasUp && to != toConfirmed && c.OnServerDown != nil {
		c.OnServerDown(view)
	}
	if booted && c.OnServerActive != nil {
		view.Status, view.TaskState = "ACTIVE", ""
		c.OnServerActive(view, row.userData)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if row.to != to { // another motion replaced this one meanwhile
		return
	}
	row.to, row.TaskState = "", ""
	switch to {
	case toActive:
		row.Status, row.up = "ACTIVE", true
		c.bind(row)
	case toFailed:
		row.Status, row.Fault = "ERROR", row.fault
		if row.Fault == "" {
			row.Fault = "No valid host was found."
		}
	case toResized, toConfirmed, toReverted:
		c.resized(row, to)
	case toStopped:
		row.Status = "SHUTOFF"
	case toGone:
		c.release(row)
		c.servers.remove(row.ID)
	}
}

// bind does what a finished boot does to ports and volumes.
func (c *Cloud) bind(row *server) {
	for _, id := range row.portIDs {
		if p := c.ports.get(id); p != nil {
			p.Status = "ACTIVE"
		}
	}
	for _, id := range row.VolumeIDs {
		if v := c.volumes.get(id); v != nil && v.Status == "reserved" {
			v.Status, v.ServerIDs = "in-use", []string{row.ID}
		}
	}
}

// release frees ports and volumes of a server that is gone. Ports and volumes made before the server stay.
func (c *Cloud) release(row *server) {
	for _, id := range row.portIDs {
		if p := c.ports.get(id); p != nil {
			p.DeviceID, p.Status = "", "DOWN"
		}
	}
	for _, id := range row.VolumeIDs {
		if v := c.volumes.get(id); v != nil && v.to != toGone {
			v.Status, v.ServerIDs = "available", nil
		}
	}
}
