package executor_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/guest/transport/fallback"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

// guests are machines with the real agent and an engine in memory, by member. They outlive every trovectl.
type guests struct {
	t    testing.TB
	dir  string
	mu   sync.Mutex
	byID map[string]*machine
	// undeliverable is what every delivery of an agent ends with, if anything; delivered counts the others.
	undeliverable error
	// refusing is how many connections an SSH server refuses while it reads its new keys; deaf counts them down.
	refusing, deaf int
	delivered      int
	// disks are the engines by volume id: what an engine holds is on its volume.
	disks map[string]engine.Engine
	// broker is where guests with an account are reached; queues are theirs, by member. broken: it does not answer.
	broker *cloudmem.Broker
	queues map[string]bool
	broken bool
}

type machine struct {
	root   string
	server string
	agent  *agent.Agent
}

func newGuests(t testing.TB) *guests {
	t.Helper()
	base := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		base = "/dev/shm" // thousands of worlds sync their files here
	}
	dir, err := os.MkdirTemp(base, "trovectl-world-")
	if err != nil {
		t.Fatal(err)
	}
	g := &guests{t: t, dir: dir, byID: map[string]*machine{}, disks: map[string]engine.Engine{}, queues: map[string]bool{}}
	t.Cleanup(g.end)
	return g
}

// end closes the agents and removes their directories.
func (g *guests) end() {
	for _, m := range g.byID {
		if m.agent != nil {
			_ = m.agent.Close()
		}
	}
	_ = os.RemoveAll(g.dir)
}

// boot is the server's first or next start: user-data is applied once, as cloud-init does.
func (g *guests) boot(server providers.Server, userData []byte) {
	root := filepath.Join(g.dir, server.ID)
	if _, err := os.Stat(root); err != nil {
		if err := birth(root, userData); err != nil {
			panic(err)
		}
	}
	for _, id := range server.VolumeIDs {
		if err := g.attach(root, id); err != nil {
			panic(err)
		}
	}
	a, err := agent.Open(agent.Config{Root: root, Version: "test", NewEngine: g.engineFor(server.VolumeIDs), ReloadSSH: g.reload})
	if err != nil {
		panic(err)
	}
	g.mu.Lock() // not before: an agent that was prepared asks for its engine while it opens
	defer g.mu.Unlock()
	g.byID[server.Mark.Member] = &machine{root: root, server: server.ID, agent: a}
}

var now = time.Now

func birth(root string, userData []byte) error {
	var doc struct {
		SSHKeys    map[string]string `yaml:"ssh_keys"`
		WriteFiles []struct {
			Path, Content string
		} `yaml:"write_files"`
	}
	if err := yaml.Unmarshal(userData, &doc); err != nil {
		return err
	}
	files := map[string]string{}
	if key := doc.SSHKeys["ed25519_private"]; key != "" {
		files["etc/ssh/ssh_host_ed25519_key"] = key
	}
	for _, f := range doc.WriteFiles {
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil {
			return err
		}
		files[strings.TrimPrefix(f.Path, "/")] = string(content)
	}
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// attach shows a volume to a machine as the embedded OpenStack does: a link to a directory that plays the disk.
func (g *guests) attach(root, id string) error {
	disk := filepath.Join(g.dir, "volumes", id)
	if err := os.MkdirAll(filepath.Join(disk, "disk"), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(disk, "size")); err != nil {
		if err := os.WriteFile(filepath.Join(disk, "size"), []byte("1"), 0o600); err != nil {
			return err
		}
	}
	link := filepath.Join(root, "dev/disk/by-id", "virtio-"+id[:min(20, len(id))])
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return err
	}
	if _, err := os.Lstat(link); err == nil {
		return nil
	}
	return os.Symlink(disk, link)
}

// resize tells the volumes' sizes to the machines that have them, as a hypervisor does.
func (g *guests) resize(cloud *cloudmem.Cloud) {
	for _, v := range cloud.Objects().Volumes {
		file := filepath.Join(g.dir, "volumes", v.ID, "size")
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := os.WriteFile(file, []byte(itoa(v.SizeGiB)), 0o600); err != nil {
			g.t.Error(err)
		}
	}
}

func (g *guests) engineFor(volumes []string) func(string, engine.Host) (engine.Engine, error) {
	return func(name string, host engine.Host) (engine.Engine, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		id := strings.Join(volumes, ",")
		if g.disks[id] == nil {
			g.disks[id] = memory.New(name, now)
		}
		return g.disks[id], nil
	}
}

func (g *guests) down(server providers.Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.byID[server.Mark.Member]; m != nil && m.server == server.ID {
		_ = m.agent.Close()
		delete(g.byID, server.Mark.Member)
	}
}

// Dial reaches a guest by the ways that its record has.
func (g *guests) Dial(ctx context.Context, m state.Member, generations ...int) (guest.Carrier, error) {
	if len(m.Transports) == 0 {
		return g.overSSH(ctx, m, generations...)
	}
	var ways []fallback.Way
	for _, name := range m.Transports {
		dial := g.overSSH
		if name == resource.TransportAMQP {
			dial = g.overBroker
		}
		ways = append(ways, fallback.Way{Name: name, Dial: func(ctx context.Context) (guest.Carrier, error) { return dial(ctx, m, generations...) }})
	}
	c, err := fallback.Dial(ctx, ways...)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// overSSH reaches a guest whose host key is one of those generations.
func (g *guests) overSSH(_ context.Context, m state.Member, generations ...int) (guest.Carrier, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	there := g.byID[string(m.ID)]
	if there == nil || m.SSHPort == 0 {
		return nil, guest.Errorf(guest.KindUnreachable, "nobody at %s", m.Address)
	}
	if g.deaf > 0 {
		g.deaf--
		return nil, guest.Errorf(guest.KindUnreachable, "%s: connection refused", m.Address)
	}
	has, err := os.ReadFile(filepath.Join(there.root, "etc/ssh/ssh_host_ed25519_key"))
	if err != nil {
		return nil, guest.Errorf(guest.KindUnreachable, "%v", err)
	}
	for _, generation := range generations {
		if key, _ := (identities{}).HostKey(m.ID, generation); strings.TrimSpace(string(has)) == strings.TrimSpace(key) {
			if there.waits() {
				return agentless{}, nil
			}
			return direct{there.agent}, nil
		}
	}
	return nil, guest.Errorf(guest.KindUnreachable, "nobody with the right host key at %s", m.Address)
}

func (g *guests) reload(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deaf = g.refusing
	return nil
}

// waits tells whether the machine was born without an agent and has none yet.
func (m *machine) waits() bool {
	text, err := os.ReadFile(filepath.Join(m.root, guest.AgentPath))
	return err == nil && strings.HasPrefix(string(text), "#!")
}

// agentless is the channel to a guest without an agent.
type agentless struct{}

func (agentless) Call(context.Context, guest.Request) (json.RawMessage, error) {
	return nil, fmt.Errorf("%w (%w)", guest.Errorf(guest.KindUnreachable, "the command ended"), guest.ErrNoAgent)
}

func (agentless) Close() error { return nil }

// Deliver puts an agent into a guest that waits for the one with agentDigest.
func (g *guests) Deliver(_ context.Context, m state.Member, _ ...int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.undeliverable != nil {
		return g.undeliverable
	}
	there := g.byID[string(m.ID)]
	if there == nil || !there.waits() {
		return guest.Errorf(guest.KindUnreachable, "nobody waits for an agent at %s", m.Address)
	}
	path := filepath.Join(there.root, guest.AgentPath)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), agentDigest) {
		return fmt.Errorf("it waits for another agent (%w)", err)
	}
	g.delivered++
	return os.WriteFile(path, []byte("\x7fELF"), 0o755)
}

// Inspect is the look's way to a guest.
func (g *guests) Inspect(ctx context.Context, m state.Member, names []string) (guest.Inspection, error) {
	c, err := g.Dial(ctx, m, m.Generations()...)
	if err != nil {
		return guest.Inspection{}, err
	}
	return guest.NewClient(c, func() string { return "look" }).Inspect(ctx, guest.Inspect{Settings: names})
}

// silence ends the agents of a server's machine without telling anybody; speak starts it again.
func (g *guests) silence(member state.MemberID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.byID[string(member)]
	_ = m.agent.Close()
	delete(g.byID, string(member))
}

func (g *guests) speak(w *world) {
	for _, server := range w.cloud.Objects().Servers {
		g.mu.Lock()
		_, speaks := g.byID[server.Mark.Member]
		g.mu.Unlock()
		if !speaks && server.Status == "ACTIVE" {
			g.boot(server, nil)
		}
	}
}

// births boots the servers that were born while nobody listened, with the user-data that they were given.
func (g *guests) births(w *world) {
	for _, server := range w.cloud.Objects().Servers {
		must(g.t, w.cloud.Cloud().ServerActions.Reboot(context.Background(), server.ID, true))
	}
}

// on is the engine that a volume holds.
func (g *guests) on(volume string) *memory.Engine {
	g.mu.Lock()
	defer g.mu.Unlock()
	e, _ := g.disks[volume].(*memory.Engine)
	return e
}

// direct carries requests to an agent in the same process.
type direct struct{ agent *agent.Agent }

func (d direct) Close() error { return nil }

func (d direct) Call(ctx context.Context, r guest.Request) (json.RawMessage, error) {
	r.Version = guest.Version
	reply := d.agent.Handle(ctx, r)
	if reply.Error != nil {
		return nil, reply.Error
	}
	return reply.Result, nil
}

// dyingGuests are the guests as a life that may die reaches them.
type dyingGuests struct {
	*guests
	life *life
	by   func(guest.Carrier) guest.Carrier
}

func (d dyingGuests) Dial(ctx context.Context, m state.Member, generations ...int) (guest.Carrier, error) {
	c, err := d.guests.Dial(ctx, m, generations...)
	if err != nil {
		return nil, err
	}
	if d.by != nil {
		c = d.by(c)
	}
	return dyingCarrier{c, d.life}, nil
}

func (d dyingGuests) Deliver(ctx context.Context, m state.Member, generations ...int) error {
	return d.guests.Deliver(ctx, m, generations...)
}

type dyingCarrier struct {
	guest.Carrier
	life *life
}

func (c dyingCarrier) Call(ctx context.Context, r guest.Request) (json.RawMessage, error) {
	if !r.Method.Changes() {
		return c.Carrier.Call(ctx, r)
	}
	if err := c.life.point("before " + string(r.Method)); err != nil {
		return nil, err
	}
	answer, err := c.Carrier.Call(context.WithoutCancel(ctx), r)
	if dead := c.life.point("after " + string(r.Method)); dead != nil {
		return nil, dead
	}
	return answer, err
}

// Detour fulfils guest.Detourer for a carrier that does.
func (c dyingCarrier) Detour() string {
	if d, several := c.Carrier.(guest.Detourer); several {
		return d.Detour()
	}
	return ""
}
