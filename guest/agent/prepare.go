package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// A marker is a file on the data volume that says whose it is. It is written before the engine's first byte, so that a
// volume which holds data always says so.
type marker struct {
	Member   string `json:"member"`
	Engine   string `json:"engine"`
	VolumeID string `json:"volume_id,omitempty"`
}

// prepare fulfils guest.Prepare: the volume, then the engine on it, then its start.
func (a *Agent) prepare(ctx context.Context, in guest.Prepare) (guest.Prepared, error) {
	now := a.theIdentity()
	switch {
	case in.VolumeID == "" && a.born.VolumeID != "":
		return guest.Prepared{}, guest.Errorf(guest.KindInvalid,
			"the guest was made for volume %s and prepare names none", a.born.VolumeID)
	case now.Prepared && in.VolumeID != now.VolumeID:
		return guest.Prepared{}, guest.Errorf(guest.KindConflict,
			"the guest's data is on volume %q and prepare names %q", now.VolumeID, in.VolumeID)
	}
	if err := a.attach(ctx, in.VolumeID, a.config.VolumeWait); err != nil {
		return guest.Prepared{}, err
	}
	a.standAlone(ctx)
	server, _ := a.theEngine()
	if err := server.Prepare(ctx, engine.Settings(in.Values)); err != nil {
		return guest.Prepared{}, asGuestError(guest.KindEngine, "preparing the engine", err)
	}
	if err := a.selfCertify(ctx, server); err != nil {
		return guest.Prepared{}, err
	}
	if err := server.Start(ctx); err != nil {
		return guest.Prepared{}, asGuestError(guest.KindEngine, "starting the engine", err)
	}
	state, err := server.State(ctx)
	if err != nil {
		return guest.Prepared{}, asGuestError(guest.KindEngine, "asking for the engine's state", err)
	}
	now.Prepared, now.VolumeID = true, in.VolumeID
	if err := a.setIdentity(now); err != nil {
		return guest.Prepared{}, err
	}
	a.setEngine(server, true)
	return guest.Prepared{RunningVersion: state.Version}, nil
}

// attach makes the data volume and the engine that lives on it available. It is the part of prepare that is repeated at
// every boot; it writes to a volume only when that is blank or already ours.
func (a *Agent) attach(ctx context.Context, volumeID string, wait time.Duration) error {
	if server, _ := a.theEngine(); server != nil {
		return nil
	}
	disk, err := a.findDisk(ctx, volumeID, wait)
	if err != nil {
		return err
	}
	if err := disk.mount(ctx, a.paths.data); err != nil {
		return asGuestError(guest.KindInternal, "mounting the data volume", err)
	}
	if err := a.claim(volumeID); err != nil {
		return err
	}
	if err := a.outcomes.moveTo(a.paths.volumeOutcomes()); err != nil {
		return err
	}
	host, err := a.host()
	if err != nil {
		return err
	}
	server, err := a.config.NewEngine(a.born.Engine, host)
	if err != nil {
		return asGuestError(guest.KindUnsupported, "opening the engine "+a.born.Engine, err)
	}
	if _, ok := server.(engine.Certified); ok {
		if err := a.keepKey(); err != nil {
			return err
		}
	}
	a.setEngine(server, false)
	return nil
}

// claim marks a blank volume as ours and refuses one that is another's or holds what nobody here knows.
func (a *Agent) claim(volumeID string) error {
	ours := marker{Member: a.born.Member, Engine: a.born.Engine, VolumeID: volumeID}
	text, err := os.ReadFile(a.paths.marker())
	switch {
	case err == nil:
		var found marker
		if err := json.Unmarshal(text, &found); err != nil {
			return guest.Errorf(guest.KindConflict, "the data volume's marker is damaged: %s", a.paths.marker())
		}
		if found.Member != ours.Member || found.Engine != ours.Engine {
			return guest.Errorf(guest.KindConflict,
				"the data volume belongs to member %s (%s), and this is member %s (%s); nothing was changed on it",
				found.Member, found.Engine, ours.Member, ours.Engine)
		}
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("reading the data volume's marker: %w", err)
	}
	if stranger, err := firstStranger(a.paths.data); err != nil || stranger != "" {
		if err == nil {
			err = guest.Errorf(guest.KindConflict,
				"the data volume holds something else (%q) and no marker of ours; nothing was changed on it", stranger)
		}
		return err
	}
	text, err = json.Marshal(ours)
	if err != nil {
		return fmt.Errorf("encoding the data volume's marker: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(a.paths.marker()), 0o700); err != nil {
		return fmt.Errorf("marking the data volume: %w", err)
	}
	if err := writeFile(a.paths.marker(), text, 0o600); err != nil {
		return fmt.Errorf("marking the data volume: %w", err)
	}
	return nil
}

// firstStranger names an entry that neither a new file system nor an interrupted claim leaves there.
func firstStranger(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("looking into the data volume: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != ownDir && name != "lost+found" {
			return name, nil
		}
	}
	return "", nil
}

// host makes the engine's directories and says where they are. In a real guest an agent that is root gives them to the
// engine's own user. Below another root (a machine that is a process) only the engine can tell who may reach them, so it
// chooses.
func (a *Agent) host() (engine.Host, error) {
	host := engine.Host{
		Data: a.paths.engineData(), Conf: a.paths.conf, Run: a.paths.run, Log: a.paths.logs,
		Address: a.born.Address, Port: a.born.Port, RAMMiB: a.born.RAMMiB,
	}
	for _, dir := range []string{host.Data, host.Conf, host.Run, host.Log} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return engine.Host{}, fmt.Errorf("making the engine's directories: %w", err)
		}
	}
	if os.Geteuid() != 0 || a.paths.root != "/" {
		return host, nil
	}
	host.User = packages[a.born.Engine].user
	if host.User == "" {
		return host, nil
	}
	return host, giveTo(host.User, host.Data, host.Run, host.Log)
}
