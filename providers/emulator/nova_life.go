package emulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// task_state names, as Nova's.
const (
	taskScheduling = "scheduling"
	taskSpawning   = "spawning"
	taskDeleting   = "deleting"
	taskStopping   = "powering-off"
	taskStarting   = "powering-on"
	taskReboot     = "rebooting"
	taskRebootHard = "rebooting_hard"
	taskResize     = "resize_prep"
	taskReverting  = "resize_reverting"
	taskPausing    = "pausing"
	taskUnpausing  = "unpausing"
	taskSuspending = "suspending"
	taskResuming   = "resuming"
	taskShelving   = "shelving"
	taskUnshelving = "spawning"
	taskRebuild    = "rebuilding"
)

// step is how long a change of a running server takes: a tenth of a build.
func (s *Server) step() time.Duration { return s.opt.BuildDelay / 10 }

// resume goes on, after a restart, with everything that was under way, and boots what ran.
func (s *Server) resume() {
	for _, img := range s.images.all() {
		if img.Status == imageSaving {
			img.Status = imageQueued // its upload ended with the process
			s.saveImage(img)
		}
	}
	for _, v := range s.volumes.all() {
		switch v.Status {
		case volCreating:
			s.enqueue(v.ID, false, func(ctx context.Context) { s.finishCreate(ctx, v.ID) })
		case volExtending:
			s.enqueue(v.ID, false, func(ctx context.Context) { s.finishExtend(ctx, v.ID) })
		case volDeleting:
			s.enqueue(v.ID, false, func(ctx context.Context) { s.finishVolumeDelete(ctx, v.ID) })
		}
	}
	for _, sv := range s.servers.all() {
		switch {
		case sv.Task == taskDeleting:
			s.startDelete(sv)
		case sv.Status == srvBuild:
			s.startBuild(sv)
		case sv.Task != "":
			s.startTask(sv)
		case sv.Status == srvActive || sv.Status == srvVerifyResize:
			s.startPower(sv)
		}
		s.resumeVolumes(sv)
	}
}

// resumeVolumes finishes attachments and detachments that were cut off.
func (s *Server) resumeVolumes(sv *server) {
	for _, a := range sv.Volumes {
		v, ok := s.volumes.get(a.Volume)
		if ok && sv.Status != srvBuild && (v.Status == volAttaching || v.Status == volReserved) {
			s.startAttach(sv, v.ID)
		}
		if ok && v.Status == volDetaching {
			s.startDetach(sv, v.ID)
		}
	}
}

// change runs f on the server with the cloud locked, unless it is gone or being deleted.
func (s *Server) change(id string, f func(*server)) {
	s.locked(func() {
		sv, ok := s.servers.get(id)
		if !ok || sv.Task == taskDeleting {
			return
		}
		f(sv)
		s.save(sv)
	})
}

func (s *Server) save(sv *server) {
	sv.Updated = s.now()
	s.servers.put(sv.ID, sv)
}

func (s *Server) fail(sv *server, text string) {
	sv.Status, sv.Task = srvError, ""
	sv.Fault = &serverFault{Code: 500, Message: text, Created: s.now()}
}

func (s *Server) startBuild(sv *server) {
	id := sv.ID
	s.enqueue(id, false, func(ctx context.Context) { s.build(ctx, id) })
}

// build takes a server from BUILD to ACTIVE or ERROR.
func (s *Server) build(ctx context.Context, id string) {
	if !s.wait(ctx, s.step()) {
		return
	}
	bound := false
	s.change(id, func(sv *server) {
		sv.Task = taskSpawning
		bound = s.bindPorts(sv)
	})
	if !bound || !s.wait(ctx, s.opt.BuildDelay) || !s.volumesReady(ctx, id) {
		return
	}
	var trouble FaultKind
	s.change(id, func(sv *server) {
		trouble = sv.Trouble
		if trouble == FaultErrorBuild {
			text := sv.TroubleText
			if text == "" {
				text = "No valid host was found. There are not enough hosts available."
			}
			s.fail(sv, text)
		}
	})
	if trouble == FaultErrorBuild || trouble == FaultStuckBuild {
		return
	}
	err := s.boot(ctx, id)
	if ctx.Err() != nil {
		return
	}
	s.change(id, func(sv *server) {
		if err != nil {
			s.fail(sv, "Build of instance "+id+" aborted: "+err.Error())
			return
		}
		sv.Status, sv.Task, sv.Launched = srvActive, "", s.now()
		s.attachAll(sv)
	})
}

// volumesReady waits until every volume of the server can be attached; false when the work was given up or one failed.
func (s *Server) volumesReady(ctx context.Context, id string) bool {
	for {
		ready, failed := true, false
		s.change(id, func(sv *server) {
			for _, a := range sv.Volumes {
				v, ok := s.volumes.get(a.Volume)
				switch {
				case !ok || v.Status == volError:
					failed = true
				case v.Status == volCreating:
					ready = false
				case v.Status == volAvailable:
					s.setVolume(v, volReserved)
				}
			}
			if failed {
				s.fail(sv, "Block Device Mapping is Invalid: a volume did not become available.")
			}
		})
		if failed || ready {
			return ready && !failed
		}
		if !s.wait(ctx, 50*time.Millisecond) {
			return false
		}
	}
}

func (s *Server) attachAll(sv *server) {
	for _, a := range sv.Volumes {
		if v, ok := s.volumes.get(a.Volume); ok && v.Server == sv.ID && (v.Status == volReserved || v.Status == volAttaching) {
			v.AttachedAt = s.now()
			s.setVolume(v, volInUse)
		}
	}
}

// machine gathers the facts a hypervisor would know; false when the server is gone.
func (s *Server) machine(id string) (m Machine, ok bool) {
	s.locked(func() {
		sv, found := s.servers.get(id)
		if !found || sv.Trouble == FaultNeverBoot {
			return
		}
		f, _ := flavorByID(sv.Flavor)
		m = Machine{
			ID: sv.ID, Name: sv.Name, RAMMiB: f.RAM, Address: s.serverAddress(sv), Metadata: clone(sv.Metadata), FirstBoot: !sv.Booted,
		}
		if img, known := s.images.get(sv.Image); known {
			m.Image = img.Name
		}
		for _, a := range sv.Volumes {
			if v, known := s.volumes.get(a.Volume); known && v.Status != volDetaching {
				m.Volumes = append(m.Volumes, Disk{VolumeID: v.ID, Dir: s.volumeDir(v.ID), SizeGiB: v.Size})
			}
		}
		ok = true
	})
	return m, ok
}

// boot starts the server's machine; without Machines there is nothing to start.
func (s *Server) boot(ctx context.Context, id string) error {
	if s.opt.Machines == nil {
		return nil
	}
	m, ok := s.machine(id)
	if !ok {
		return nil
	}
	var err error
	if m.UserData, err = os.ReadFile(filepath.Join(s.serverDir(id), "user_data")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading user-data: %w", err)
	}
	select {
	case s.boots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.boots }()
	if err := s.opt.Machines.Boot(ctx, m); err != nil {
		return err
	}
	s.change(id, func(sv *server) { sv.Booted = true })
	return nil
}

func (s *Server) halt(ctx context.Context, id string) error {
	if s.opt.Machines == nil {
		return nil
	}
	return s.opt.Machines.Stop(ctx, id)
}

// startPower boots the machine of a server that is ACTIVE already: after a restart of the cloud, or to show it a
// volume that was attached meanwhile.
func (s *Server) startPower(sv *server) {
	id := sv.ID
	s.enqueue(id, false, func(ctx context.Context) {
		if err := s.boot(ctx, id); err != nil && ctx.Err() == nil {
			s.change(id, func(sv *server) { s.fail(sv, "Failed to start the instance: "+err.Error()) })
		}
	})
}

func (s *Server) startDelete(sv *server) {
	id := sv.ID
	sv.Task = taskDeleting
	s.save(sv)
	s.enqueue(id, true, func(ctx context.Context) { s.finishDelete(ctx, id) })
}

// finishDelete ends a server: its machine, its own ports and its attachments. Ports that it was given are unbound and
// kept, volumes become available again.
func (s *Server) finishDelete(ctx context.Context, id string) {
	if !s.wait(ctx, s.step()) {
		return
	}
	if s.opt.Machines != nil {
		if err := s.opt.Machines.Destroy(ctx, id); err != nil {
			if ctx.Err() == nil {
				s.opt.Log.Error("destroying a machine", "server", id, "error", err)
				s.locked(func() {
					if sv, ok := s.servers.get(id); ok {
						s.fail(sv, "Failed to delete the instance: "+err.Error())
						s.save(sv)
					}
				})
			}
			return
		}
	}
	if err := os.RemoveAll(s.serverDir(id)); err != nil {
		s.opt.Log.Error("deleting a server", "server", id, "error", err)
	}
	s.locked(func() {
		sv, ok := s.servers.get(id)
		if !ok {
			return
		}
		for _, a := range sv.Volumes {
			if v, ok := s.volumes.get(a.Volume); ok && v.Server == id {
				s.detached(v)
				if a.DeleteOnTermination {
					s.beginVolumeDelete(v)
				}
			}
		}
		for _, sp := range sv.Ports {
			if p, ok := s.ports.get(sp.ID); ok && (sp.Own || p.Device == id) {
				s.unplug(p, sp.Own)
			}
		}
		s.servers.del(id)
	})
}

func (s *Server) unplug(p *port, own bool) {
	if own {
		s.removePort(p)
		return
	}
	p.Device, p.DeviceOwner, p.Updated, p.Revision = "", "", s.now(), p.Revision+1
	s.ports.put(p.ID, p)
}

// detached frees a volume; one that is still being made or extended goes on with that.
func (s *Server) detached(v *volume) {
	v.Server, v.Device, v.Attachment, v.AttachedAt = "", "", "", time.Time{}
	if slices.Contains([]string{volReserved, volAttaching, volInUse, volDetaching}, v.Status) {
		v.Status = volAvailable
	}
	s.setVolume(v, v.Status)
}
