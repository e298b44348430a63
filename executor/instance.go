package executor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// instance makes, changes and removes a member with its port, volume, server and agent.
func (a *act) instance(ctx context.Context) error {
	if a.step.Action == plan.Delete {
		return a.deleteInstance(ctx)
	}
	body, ok := a.step.After.Body.(*resource.Instance)
	if !ok {
		return fmt.Errorf("the step %s carries no instance", a.step.ID)
	}
	engine, ok := catalog.Lookup(body.Manager)
	if !ok {
		return fmt.Errorf("the step %s asks for the engine %q, which this trovectl does not know", a.step.ID, body.Manager)
	}
	i := &instanceAct{act: a, body: body, enginePort: engine.Port}
	if body.Guest.Speaks(resource.TransportSSH) {
		i.sshPort = body.Guest.SSHPort()
	}
	if a.step.Action == plan.Create {
		return i.create(ctx)
	}
	return i.update(ctx)
}

type instanceAct struct {
	*act
	body       *resource.Instance
	record     state.Record
	hands      *journaled.Hands
	enginePort int
	sshPort    int    // 0: none
	image      string // id, once it is known
	rootStored string // the digest of what the engine stores for root, once it was asked for
}

// create is one straight line: each part returns what an earlier life made of it.
func (i *instanceAct) create(ctx context.Context) error {
	if err := i.enroll(ctx); err != nil {
		return err
	}
	prepared, err := i.build(ctx)
	if err == nil {
		err = i.care(ctx)
	}
	if err != nil {
		return i.failed(ctx, err)
	}
	i.record.Body, i.record.Status, i.record.Fault = i.done(), state.Ready, ""
	i.record.Computed = i.computed(prepared)
	return i.finish(ctx)
}

// finish leaves the security groups that no port has any more and records the end of the step. Its line is done:
// what an earlier life left open of it is as good as ended.
func (i *instanceAct) finish(ctx context.Context) error {
	for _, group := range i.hands.Member().Leaving() {
		if err := i.leave(ctx, i.hands, group); err != nil {
			return err
		}
	}
	return i.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{i.record}, End: i.hands.Leftovers()})
}

// enroll records the member, its role and the record as being created, or takes them up again.
func (i *instanceAct) enroll(ctx context.Context) error {
	record, known := i.journal.Record(i.step.Address)
	if !known {
		record = state.Record{Address: i.step.Address, Member: i.IDs.Member(), Role: i.IDs.Role()}
	}
	record.Body, record.Protect, record.DependsOn = i.done(), i.step.Protect, i.step.DependsOn
	record.Status, record.Fault = state.Creating, ""
	batch := state.Batch{PutRecords: []state.Record{record}}
	if !known {
		batch.PutMembers = []state.Member{{ID: record.Member, SSHPort: i.sshPort, Transports: i.body.Guest.Transports}}
		batch.PutRoles = []state.Role{{ID: record.Role, Member: record.Member}}
	}
	if err := i.journal.Commit(ctx, batch); err != nil {
		return err
	}
	i.record, i.hands = record, i.journal.Hands(record.Member, record.Address)
	return nil
}

// build fills the slots that are empty, meets the agent and makes the engine ready.
func (i *instanceAct) build(ctx context.Context) (guest.Prepared, error) {
	var none guest.Prepared
	if _, err := i.agentDigest(); err != nil { // before anything is made for a guest that it cannot be delivered to
		return none, err
	}
	if err := i.rootSupplied(); err != nil {
		return none, err
	}
	ports, err := i.network(ctx)
	if err != nil {
		return none, err
	}
	if i.body.Access.Public || i.body.Access.FloatingIP != "" {
		if err := i.publish(ctx); err != nil {
			return none, err
		}
	}
	if err := i.arrange(ctx); err != nil {
		return none, err
	}
	volume, err := i.volume(ctx)
	if err != nil {
		return none, err
	}
	if i.image, err = i.imageID(ctx); err != nil {
		return none, err
	}
	if err := i.server(ctx, ports, volume); err != nil {
		return none, err
	}
	return i.meet(ctx, volume)
}

type making = func(ctx context.Context, mark providers.Mark) (string, error)

// counted counts the calls that made something whole.
func counted(n *int, make making) making {
	return func(ctx context.Context, mark providers.Mark) (string, error) {
		id, err := make(ctx, mark)
		if err == nil {
			*n++
		}
		return id, err
	}
}

func (i *instanceAct) fill(ctx context.Context, hands *journaled.Hands, slot state.Slot, make making) (string, error) {
	id, adopted, err := hands.Create(ctx, slot, i.maker(slot, make))
	if adopted {
		i.notes = append(i.notes, fmt.Sprintf("adopted the %s %s that an earlier run had asked for", slot, id))
	}
	return id, err
}

// volume makes the data volume and waits until it can be attached. One whose creation failed is replaced once: nothing
// can be on it.
func (i *instanceAct) volume(ctx context.Context) (string, error) {
	if i.body.Volume == nil {
		return "", nil
	}
	id, err := i.fill(ctx, i.hands, state.SlotVolume, i.makeVolume)
	if err != nil {
		return "", err
	}
	if i.volumeFailed(ctx, id) {
		i.progress("replacing volume %s, whose creation failed", id)
		if err := i.hands.Delete(ctx, state.SlotVolume, i.maker(state.SlotVolume, nil)); err != nil {
			return "", err
		}
		if id, err = i.fill(ctx, i.hands, state.SlotVolume, i.makeVolume); err != nil {
			return "", err
		}
	}
	return id, i.awaitVolume(ctx, id)
}

func (i *instanceAct) makeVolume(ctx context.Context, mark providers.Mark) (string, error) {
	volume, err := i.Cloud.Volumes.Create(ctx, providers.VolumeSpec{
		Mark: mark, Provider: i.body.Provider, Name: i.body.Name, SizeGiB: i.body.Volume.Size, Type: i.body.Volume.Type, Zone: i.body.Volume.AvailabilityZone,
	})
	return volume.ID, err
}

// volumeFailed tells whether an earlier run left a volume in error that cannot hold data.
func (i *instanceAct) volumeFailed(ctx context.Context, id string) bool {
	if i.hands.Member().MayHoldData {
		return false
	}
	volume, err := i.Cloud.Volumes.Get(ctx, id)
	return err == nil && volume.Status == "error"
}

func (i *instanceAct) awaitVolume(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Build)
	defer cancel()
	_, err := i.Cloud.VolumeWaits.Wait(ctx, id, func(v providers.Volume, present bool) (bool, error) {
		switch {
		case !present:
			return false, fmt.Errorf("volume %s is gone", id)
		case v.Status == "error":
			return false, fmt.Errorf("volume %s went to error while it was created", id)
		}
		// reserved and attaching: an earlier run asked for the server already, and the server's own wait decides.
		return slices.Contains([]string{"available", "reserved", "attaching", "in-use"}, v.Status), nil
	})
	return err
}

// server makes the server and waits until it is active. One whose build failed is replaced as long as it certainly holds
// nothing: the data is on the volume, which stays.
func (i *instanceAct) server(ctx context.Context, ports []string, volume string) error {
	group, err := i.locality(ctx)
	if err != nil {
		return err
	}
	build := func(ctx context.Context, mark providers.Mark) (string, error) {
		return i.makeServer(ctx, mark, site{ports, volume, group})
	}
	id, err := i.fill(ctx, i.hands, state.SlotServer, build)
	if err != nil {
		return err
	}
	server, err := i.Cloud.Servers.Get(ctx, id)
	if member := i.hands.Member(); err == nil && server.Status == "ERROR" &&
		(!member.MayHoldData || volume != "" && member.Generation == 0) {
		i.progress("replacing server %s, whose build failed: %s", id, server.Fault)
		if err := i.clearServer(ctx, volume); err != nil {
			return err
		}
		if id, err = i.fill(ctx, i.hands, state.SlotServer, build); err != nil {
			return err
		}
	}
	if _, asleep := wakes[server.Status]; err == nil && (asleep || server.Status == "SHUTOFF") { // by hand, since an earlier life
		if err := i.bring(ctx, id, "ACTIVE"); err != nil {
			return err
		}
	}
	i.progress("waiting for server %s", id)
	return i.crowded(ctx, i.awaitServer(ctx, id), group)
}

// clearServer removes the server and waits until its volume can be attached again. The next one is born with the first
// generation of keys.
func (i *instanceAct) clearServer(ctx context.Context, volume string) error {
	if err := i.hands.Update(ctx, func(m *state.Member) { m.Bereave() }); err != nil {
		return err
	}
	if err := i.hands.Delete(ctx, state.SlotServer, i.maker(state.SlotServer, nil)); err != nil {
		return err
	}
	if volume == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Remove)
	defer cancel()
	_, err := i.Cloud.VolumeWaits.Wait(ctx, volume, func(v providers.Volume, present bool) (bool, error) {
		if !present {
			return false, fmt.Errorf("volume %s is gone", volume)
		}
		return v.Status == "available", nil
	})
	if err != nil {
		return fmt.Errorf("waiting until volume %s is released: %w", volume, err)
	}
	return nil
}

// site is what a server is made on and in.
type site struct {
	ports         []string
	volume, group string // empty: none
}

func (i *instanceAct) makeServer(ctx context.Context, mark providers.Mark, on site) (string, error) {
	member := i.hands.Member()
	generation := birth(member)
	digest, err := i.agentDigest()
	if err != nil {
		return "", err
	}
	login, err := i.login(generation)
	if err != nil {
		return "", err
	}
	born := bootstrap.Guest{
		Packages: i.body.Packages, AgentSHA256: digest, Name: i.body.Name,
		Agent: guest.AgentConfig{
			Member: string(member.ID), Engine: i.body.Manager, Version: i.body.Version, Address: member.Address,
			Port: i.enginePort, VolumeID: i.Cloud.Bare(on.volume), Generation: generation, RAMMiB: atoi(i.step.Resolved["ram_mib"]), Broker: login,
		},
	}
	if i.sshPort != 0 {
		born.HostKeyPrivate, born.HostKeyPublic = i.Identities.HostKey(member.ID, generation)
		born.AuthorizedKey = i.Identities.AuthorizedKey(member.ID, generation)
	}
	data, err := bootstrap.UserData(born)
	if err != nil {
		return "", err
	}
	spec := providers.ServerSpec{
		Mark: mark, Provider: i.body.Provider, Name: i.body.Name, FlavorID: i.step.Resolved["flavor"], ImageID: i.image,
		Zone: i.body.AvailabilityZone, PortIDs: on.ports, GroupID: on.group, Metadata: i.metadata(), UserData: data, ConfigDrive: !i.body.Guest.NoConfigDrive,
	}
	if on.volume != "" {
		spec.VolumeIDs = []string{on.volume}
	}
	server, err := i.Cloud.Servers.Create(ctx, spec)
	return server.ID, err
}

// agentDigest is of the agent that a stock image waits for; empty where the image has one.
func (i *instanceAct) agentDigest() (string, error) {
	if len(i.body.Packages) == 0 {
		return "", nil
	}
	return i.Identities.AgentDigest()
}

// metadata is the user's, and what a lost state is made anew from.
func (i *instanceAct) metadata() map[string]string {
	out := map[string]string{}
	maps.Copy(out, i.body.Metadata)
	out[providers.AddressKey] = truncate(i.step.Address.String(), 255)
	out[providers.LineageKey] = i.lineage
	member := i.hands.Member()
	out[providers.GenerationKey] = strconv.Itoa(birth(member) + 1)
	if port, managed := member.Objects[state.SlotManagementPort]; managed {
		out[providers.ManagementPortKey] = i.Cloud.Bare(port.ID)
	}
	return out
}

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func (i *instanceAct) awaitServer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Build)
	defer cancel()
	_, err := i.Cloud.ServerWaits.Wait(ctx, id, func(s providers.Server, present bool) (bool, error) {
		switch {
		case !present:
			return false, fmt.Errorf("server %s is gone", id)
		case s.Status == "ERROR":
			return false, fmt.Errorf("server %s went to ERROR: %s", id, s.Fault)
		}
		return s.Status == "ACTIVE", nil
	})
	return err
}

func (i *instanceAct) computed(prepared guest.Prepared) map[string]string {
	m := i.hands.Member()
	out := map[string]string{
		"id": string(m.ID), "address": m.Address, "port": strconv.Itoa(i.enginePort), "role": "primary",
		"server_id": m.Objects[state.SlotServer].ID, "port_id": m.Objects[state.SlotPort].ID,
		"volume_id": m.Objects[state.SlotVolume].ID, "running_version": prepared.RunningVersion, "status": "ready",
	}
	if port, managed := m.Objects[state.SlotManagementPort]; managed {
		out["management_port_id"], out["management_address"] = port.ID, m.AgentAddress
	}
	if m.FloatingAddress != "" {
		out["floating_address"] = m.FloatingAddress
	}
	if i.image != "" {
		out["image_id"] = i.image
	} else if id := i.record.Computed["image_id"]; id != "" {
		out["image_id"] = id
	}
	return out
}

// failed records why, keeps everything that was made, and returns the cause. A step that the user ended has no fault: its
// record stays as unfinished as it is.
func (i *instanceAct) failed(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	i.record.Status, i.record.Fault = state.Failed, truncate(cause.Error(), 2000)
	if err := i.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{i.record}}); err != nil {
		return fmt.Errorf("%w (and %w)", cause, err)
	}
	return cause
}
