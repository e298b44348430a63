package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trovectl/trovectl/providers"
)

// hand WORK SERVER [ARGUMENT]: what somebody does to a server and its parts by hand, behind trovectl's back.
//
//	hand pause|unpause|suspend|resume|shelve|unshelve|lock|unlock SERVER
//	hand rename SERVER NAME
//	hand detach SERVER            its volume
//	hand lend SERVER OTHER        its volume, to the other server
//	hand back SERVER OTHER        takes the volume from the other server
//	hand delete SERVER server|volume|port|group
//	hand close SERVER             every rule of the security group of its port
//	hand release SERVER           its port leaves its security groups
func hand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: hand WORK SERVER [ARGUMENT]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := &handwork{cloud: openCloud(ts), ctx: ctx}
	argument := ""
	if len(args) > 2 {
		argument = args[2]
	}
	ts.Check(h.find(args[1]))
	ts.Check(h.do(args[0], argument))
}

// handwork is a server with its parts, as somebody with a client sees them.
type handwork struct {
	ctx    context.Context
	cloud  *providers.Cloud
	server providers.Server
	port   providers.Port
}

func (h *handwork) named(name string) (providers.Server, error) {
	servers, err := h.cloud.Servers.List(h.ctx)
	if err != nil {
		return providers.Server{}, err
	}
	i := slices.IndexFunc(servers, func(s providers.Server) bool { return s.Name == name })
	if i < 0 {
		return providers.Server{}, fmt.Errorf("there is no server %s", name)
	}
	return servers[i], nil
}

func (h *handwork) find(name string) (err error) {
	if h.server, err = h.named(name); err != nil {
		return err
	}
	ports, err := h.cloud.Ports.List(h.ctx)
	for _, p := range ports {
		if p.DeviceID == h.server.ID {
			h.port = p
		}
	}
	return err
}

// until looks until something holds.
func (h *handwork) until(holds func() (bool, error)) error {
	for {
		if done, err := holds(); done || err != nil {
			return err
		}
		select {
		case <-h.ctx.Done():
			return h.ctx.Err()
		case <-time.After(pollPause):
		}
	}
}

func (h *handwork) do(work, argument string) error {
	switch work {
	case "rename":
		return h.cloud.Servers.Rename(h.ctx, h.server.ID, argument)
	case "detach":
		return h.detach(h.server)
	case "lend", "back":
		return h.move(work, argument)
	case "delete":
		return h.remove(argument)
	case "close":
		return h.closeGroup()
	case "release":
		return h.cloud.Ports.SetSecurityGroups(h.ctx, h.port.ID, nil)
	default:
		if err := h.cloud.ServerActions.Act(h.ctx, h.server.ID, providers.ServerAction(work)); err != nil {
			return err
		}
		return h.until(func() (bool, error) { // done with it
			s, err := h.cloud.Servers.Get(h.ctx, h.server.ID)
			return s.TaskState == "" && (s.Status != h.server.Status || strings.HasSuffix(work, "lock")), err
		})
	}
}

func (h *handwork) volumeIs(id, status string) error {
	return h.until(func() (bool, error) {
		v, err := h.cloud.Volumes.Get(h.ctx, id)
		return v.Status == status, err
	})
}

func (h *handwork) detach(from providers.Server) error {
	for _, id := range from.VolumeIDs {
		if err := h.cloud.Attachments.Detach(h.ctx, from.ID, id); err != nil {
			return err
		}
		if err := h.volumeIs(id, "available"); err != nil {
			return err
		}
	}
	return nil
}

// move lends the volume of the server to another, or takes it back from there and leaves it free.
func (h *handwork) move(work, other string) error {
	to, err := h.named(other)
	if err != nil {
		return err
	}
	if work == "back" {
		for _, id := range to.VolumeIDs {
			v, err := h.cloud.Volumes.Get(h.ctx, id)
			if err != nil || v.Name != h.server.Name {
				continue
			}
			return h.detach(providers.Server{ID: to.ID, VolumeIDs: []string{id}})
		}
		return fmt.Errorf("%s has no volume of %s", other, h.server.Name)
	}
	id := h.server.VolumeIDs[0]
	if err := h.detach(h.server); err != nil {
		return err
	}
	if err := h.cloud.Attachments.Attach(h.ctx, to.ID, id); err != nil {
		return err
	}
	return h.volumeIs(id, "in-use")
}

func (h *handwork) remove(what string) error {
	var remove func(context.Context, string) error
	var get func() error
	id := ""
	switch what {
	case "server":
		remove, id = h.cloud.Servers.Delete, h.server.ID
		get = func() error { _, err := h.cloud.Servers.Get(h.ctx, id); return err }
	case "volume":
		if err := h.detach(h.server); err != nil {
			return err
		}
		remove, id = h.cloud.Volumes.Delete, h.server.VolumeIDs[0]
		get = func() error { _, err := h.cloud.Volumes.Get(h.ctx, id); return err }
	case "port":
		remove, id = h.cloud.Ports.Delete, h.port.ID
		get = func() error { _, err := h.cloud.Ports.Get(h.ctx, id); return err }
	case "group":
		if err := h.cloud.Ports.SetSecurityGroups(h.ctx, h.port.ID, nil); err != nil {
			return err
		}
		remove, id = h.cloud.SecurityGroups.Delete, h.port.SecurityGroups[0]
		get = func() error { _, err := h.cloud.SecurityGroups.Get(h.ctx, id); return err }
	default:
		return fmt.Errorf("nobody deletes a %q", what)
	}
	if err := remove(h.ctx, id); err != nil {
		return err
	}
	return h.until(func() (bool, error) {
		err := get()
		if providers.IsKind(err, providers.KindNotFound) {
			return true, nil
		}
		return false, err
	})
}

func (h *handwork) closeGroup() error {
	group, err := h.cloud.SecurityGroups.Get(h.ctx, h.port.SecurityGroups[0])
	for _, rule := range group.Rules {
		if err == nil {
			err = h.cloud.SecurityGroups.DeleteRule(h.ctx, rule.ID)
		}
	}
	return err
}

// troubled JSON...: the emulator does what each says from now on, until `troubled` alone.
func troubled(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: troubled [JSON...]")
	}
	address := "http://" + ts.Getenv("LISTEN") + "/_dev/faults"
	request := func(method, body string) {
		r, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Content-Type", "application/json")
		reply, err := http.DefaultClient.Do(r)
		ts.Check(err)
		defer func() { _ = reply.Body.Close() }()
		if reply.StatusCode >= http.StatusMultipleChoices {
			ts.Fatalf("%s %s: %s", method, address, reply.Status)
		}
	}
	if len(args) == 0 {
		request(http.MethodDelete, "")
	}
	for _, body := range args {
		request(http.MethodPost, body)
	}
}
