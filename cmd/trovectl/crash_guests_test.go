package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/guest/transport/pipe"
	"github.com/trovectl/trovectl/providers/emulator"
)

// memoryGuests boot servers as the real agent with an engine in memory, behind real SSH, in this process: a world costs
// milliseconds, and a test sees what every engine holds.
type memoryGuests struct {
	dir string

	mu sync.Mutex
	up map[string]*memoryGuest

	disks   sync.Mutex                // an agent that boots asks for its engine
	engines map[string]*memory.Engine // by volume: what an engine holds is on its volume
}

var _ emulator.Machines = (*memoryGuests)(nil)

type memoryGuest struct {
	root     string
	agent    *agent.Agent
	listener net.Listener
	work     sync.WaitGroup
	end      context.CancelFunc
}

func newMemoryGuests(dir string) *memoryGuests {
	return &memoryGuests{dir: dir, up: map[string]*memoryGuest{}, engines: map[string]*memory.Engine{}}
}

// Boot implements emulator.Machines.
func (g *memoryGuests) Boot(_ context.Context, m emulator.Machine) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.up[m.ID] != nil {
		return nil
	}
	root := filepath.Join(g.dir, m.ID)
	if _, err := os.Stat(root); err != nil {
		if err := birth(root, m.UserData); err != nil {
			return err
		}
	}
	volume := ""
	for _, disk := range m.Volumes {
		volume = disk.VolumeID
		link := filepath.Join(root, "dev/disk/by-id", "virtio-"+volume[:20])
		if err := os.Symlink(disk.Dir, link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	a, err := agent.Open(agent.Config{
		Root: root, Version: "test", ReloadSSH: func(context.Context) error { return nil },
		NewEngine: func(name string, _ engine.Host) (engine.Engine, error) { return g.engine(name, volume), nil },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(m.Address, "2222"))
	if err != nil {
		return errors.Join(err, a.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	guest := &memoryGuest{root: root, agent: a, listener: listener, end: cancel}
	guest.work.Go(func() { guest.accept(ctx) })
	g.up[m.ID] = guest
	return nil
}

func (g *memoryGuests) engine(name, volume string) *memory.Engine {
	g.disks.Lock()
	defer g.disks.Unlock()
	if g.engines[volume] == nil {
		g.engines[volume] = memory.New(name, time.Now)
	}
	return g.engines[volume]
}

// birth is what cloud-init does of user-data that executor/bootstrap wrote.
func birth(root string, userData []byte) error {
	var doc struct {
		Keys  map[string]string `yaml:"ssh_keys"`
		Users []struct {
			Name string
			Keys []string `yaml:"ssh_authorized_keys"`
		}
		Files []struct{ Path, Content string } `yaml:"write_files"`
	}
	if err := yaml.Unmarshal(userData, &doc); err != nil {
		return err
	}
	files := map[string]string{hostKey: doc.Keys["ed25519_private"]}
	for _, u := range doc.Users {
		files[filepath.Join("home", u.Name, ".ssh/authorized_keys")] = strings.Join(u.Keys, "\n") + "\n"
	}
	for _, f := range doc.Files {
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil {
			return err
		}
		files[f.Path] = string(content)
	}
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(root, "dev/disk/by-id"), 0o700)
}

const hostKey = "etc/ssh/ssh_host_ed25519_key"

func (g *memoryGuest) accept(ctx context.Context) {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.work.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			defer func() { _ = conn.Close() }()
			_ = g.serve(ctx, conn) // one that is cut off is what this is for
		})
	}
}

// serve is sshd with the one forced command. The keys are read for each connection: the agent replaces them.
func (g *memoryGuest) serve(ctx context.Context, conn net.Conn) error {
	text, err := os.ReadFile(filepath.Join(g.root, hostKey))
	if err != nil {
		return err
	}
	host, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return err
	}
	config := &ssh.ServerConfig{PublicKeyCallback: g.authorize}
	config.AddHostKey(host)
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		channel, asked, err := offer.Accept()
		if err != nil {
			return err
		}
		g.work.Go(func() {
			for request := range asked {
				_ = request.Reply(request.Type == "exec", nil)
				if request.Type == "exec" {
					g.work.Go(func() { _ = pipe.Serve(ctx, channel, g.agent) })
				}
			}
		})
	}
	return nil
}

func (g *memoryGuest) authorize(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	rest, err := os.ReadFile(filepath.Join(g.root, "home", guest.AgentUser, ".ssh/authorized_keys"))
	if err != nil {
		return nil, err
	}
	for meta.User() == guest.AgentUser {
		known, _, _, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			break
		}
		if rest = next; string(known.Marshal()) == string(key.Marshal()) {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("no key of %s fits", meta.User())
}

// Stop implements emulator.Machines.
func (g *memoryGuests) Stop(_ context.Context, id string) error {
	g.mu.Lock()
	guest := g.up[id]
	delete(g.up, id)
	g.mu.Unlock()
	if guest == nil {
		return nil
	}
	guest.end()
	err := guest.listener.Close()
	guest.work.Wait()
	return errors.Join(err, guest.agent.Close())
}

// Destroy implements emulator.Machines.
func (g *memoryGuests) Destroy(ctx context.Context, id string) error {
	return errors.Join(g.Stop(ctx, id), os.RemoveAll(filepath.Join(g.dir, id)))
}

// Console implements emulator.Machines.
func (g *memoryGuests) Console(string, int) (string, error) { return "", nil }

// Running implements emulator.Machines.
func (g *memoryGuests) Running(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.up[id] != nil
}

// Images implements emulator.Machines.
func (g *memoryGuests) Images() []string { return []string{"mariadb-10.11"} }

// holds says what the engine on a volume holds and how it is set, one line each.
func (g *memoryGuests) holds(volume string) (lines []string) {
	g.disks.Lock()
	e := g.engines[volume]
	g.disks.Unlock()
	if e == nil {
		return []string{"no engine"}
	}
	ctx := context.Background()
	databases, err := e.ListDatabases(ctx)
	if err != nil {
		lines = append(lines, err.Error())
	}
	for _, d := range databases {
		lines = append(lines, fmt.Sprintf("database %+v", d.Database))
	}
	users, err := e.ListUsers(ctx)
	if err != nil {
		lines = append(lines, err.Error())
	}
	for _, u := range users {
		lines = append(lines, fmt.Sprintf("user %s@%s %s %v", u.Name, u.Host, u.Verifier, u.Grants))
	}
	settings, err := e.ReadSettings(ctx, nil)
	if err != nil {
		lines = append(lines, err.Error())
	}
	for name, s := range settings {
		lines = append(lines, fmt.Sprintf("setting %s %s", name, s.Running))
	}
	slices.Sort(lines)
	return lines
}
