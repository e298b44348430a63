// Package memory is a truthful fake cloud: it keeps the contract of package providers, lives in memory, never sleeps, and
// fails when it is told to.
//
// What takes time in a real cloud takes looks here: an object in motion takes a step each time it is listed or fetched.
// The same calls in the same order therefore give the same world. A Cloud outlives whoever uses it, so a test can let one
// executor die and give the same cloud to the next.
package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// Options sets up a Cloud. The zero value is useful.
type Options struct {
	Identity providers.Identity // default: cloud memory, project demo, region RegionOne
	Now      func() time.Time   // default: a clock that stands at 2026-01-01 until Advance moves it
	Looks    int                // lists or gets until an object in motion arrives; default 2, so that one look sees it moving
	MaxTicks int                // looks after which a wait that gets nowhere fails as if ctx had ended; default 1000
	Quota    Quota
}

// Quota limits the project. Zero is unlimited.
type Quota struct {
	Servers, Cores, RAMMiB, Volumes, Gigabytes, Ports, SecurityGroups, SecurityGroupRules, FloatingIPs, ServerGroups int
}

// Cloud is the whole fake. Its hooks are called without its lock and may call the cloud; set them before the first call.
type Cloud struct {
	// OnCall is called before a call has any effect, with its name ("create server"). It may panic or cancel, to die there.
	OnCall func(call string)
	// OnDone is called after a call had its effect, before the caller gets its answer.
	OnDone func(call string)
	// OnServerActive is called just before a server becomes ACTIVE: after its build and after each start or reboot.
	OnServerActive func(server providers.Server, userData []byte)
	// OnServerDown is called when a server was stopped, rebooted or deleted.
	OnServerDown func(server providers.Server)

	options Options
	mu      sync.Mutex
	now     time.Time
	seq     int
	calls   map[string]int
	faults  []*standing
	denied  map[string]bool

	servers      table[server]
	volumes      table[volume]
	ports        table[port]
	groups       table[group]
	floating     table[floatingIP]
	serverGroups table[serverGroup]
	images       table[image]
	accounts     table[account]
	pools        map[string]*addresses      // by subnet
	boxes        map[string]map[string]blob // containers with their objects
	world        fixed
}

// New makes an empty project. It has the flavors db.tiny to db.large, the networks private and public, the volume types
// hdd and ssd, the zones az1 to az3, and one image per engine, as the embedded OpenStack has.
func New(options Options) *Cloud {
	if options.Looks == 0 {
		options.Looks = 2
	}
	if options.MaxTicks == 0 {
		options.MaxTicks = 1000
	}
	if options.Identity.AuthURL == "" {
		options.Identity = providers.Identity{
			AuthURL: "http://memory.invalid/v3", ProjectID: "demo", ProjectName: "demo", Region: "RegionOne", Cloud: "memory",
		}
	}
	c := &Cloud{
		options: options,
		now:     time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		calls:   map[string]int{},
		denied:  map[string]bool{},
		pools:   map[string]*addresses{},
		boxes:   map[string]map[string]blob{},
		world:   newFixed(),
	}
	c.operatorImages()
	c.groups.add(defaultGroup, &group{SecurityGroup: providers.SecurityGroup{ID: defaultGroup, Name: "default", CreatedAt: c.timestamp()}})
	return c
}

// Cloud gives the services. Every result shares the same world.
func (c *Cloud) Cloud() *providers.Cloud {
	servers, volumes := &serverService{c}, &volumeService{c}
	return &providers.Cloud{
		Identity:       c.options.Identity,
		Servers:        servers,
		ServerActions:  &actionService{c},
		ServerGroups:   &serverGroupService{c},
		Attachments:    &attachmentService{c},
		Resizes:        &resizeService{c},
		Flavors:        &flavorService{c},
		Volumes:        volumes,
		Images:         &imageService{c},
		Networks:       &networkService{c},
		Ports:          &portService{c},
		SecurityGroups: &groupService{c},
		FloatingIPs:    &floatingService{c},
		Containers:     &containerService{c},
		Limits:         &limitService{c},
		Broker:         c.Broker(),
		ServerWaits:    newWaits("wait for server", servers.List, func(s providers.Server) string { return s.ID }, c.options.MaxTicks),
		VolumeWaits:    newWaits("wait for volume", volumes.List, func(v providers.Volume) string { return v.ID }, c.options.MaxTicks),
	}
}

// World is every object of the project, oldest first, hidden and dying ones included, the project's default security
// group left out.
type World struct {
	Servers        []providers.Server
	Volumes        []providers.Volume
	Ports          []providers.Port
	SecurityGroups []providers.SecurityGroup
	FloatingIPs    []providers.FloatingIP
	ServerGroups   []providers.ServerGroup
	Images         []providers.Image // of the project, not the operator's
	Accounts       []providers.Account
}

// Objects tells what is there, without moving anything on and without counting as a call.
func (c *Cloud) Objects() World {
	c.mu.Lock()
	defer c.mu.Unlock()
	var w World
	c.servers.each(func(s *server) { w.Servers = append(w.Servers, s.view()) })
	c.volumes.each(func(v *volume) { w.Volumes = append(w.Volumes, v.view()) })
	c.ports.each(func(p *port) { w.Ports = append(w.Ports, p.view()) })
	c.floating.each(func(f *floatingIP) { w.FloatingIPs = append(w.FloatingIPs, f.FloatingIP) })
	c.serverGroups.each(func(g *serverGroup) { w.ServerGroups = append(w.ServerGroups, c.serverGroupView(g)) })
	c.accounts.each(func(a *account) { w.Accounts = append(w.Accounts, c.accountView(a)) })
	c.images.each(func(i *image) {
		if !i.Mark.IsZero() {
			w.Images = append(w.Images, i.view())
		}
	})
	c.groups.each(func(g *group) {
		if g.ID != defaultGroup {
			w.SecurityGroups = append(w.SecurityGroups, g.view())
		}
	})
	return w
}

// Calls tells how often each call was made since the start, those that failed included.
func (c *Cloud) Calls() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make(map[string]int, len(c.calls))
	for call, n := range c.calls {
		counts[call] = n
	}
	return counts
}

// Advance moves the cloud's own clock on. It has no effect on a clock given by Options.Now.
func (c *Cloud) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// SetQuota replaces the limits of the project.
func (c *Cloud) SetQuota(q Quota) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.options.Quota = q
}

// do runs one call on an object (a name or an id): hooks, faults, then its effect under the lock.
func (c *Cloud) do(ctx context.Context, call, subject string, effect func(f *Fault) error) error {
	if c.OnCall != nil {
		c.OnCall(call)
	}
	if err := ctx.Err(); err != nil {
		return ended(call, err)
	}
	if call == listServers || call == getServer {
		c.moveServers(subject) // here, because it calls hooks, which must not run under the lock
	}
	f, err := c.apply(call, subject, effect)
	if err != nil {
		return err
	}
	if c.OnDone != nil {
		c.OnDone(call)
	}
	if f != nil && f.Kind != "" {
		return f.error(call)
	}
	return nil
}

func (c *Cloud) apply(call, subject string, effect func(f *Fault) error) (*Fault, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
	if c.denied[call] {
		return nil, refuse(providers.KindDenied, call, "policy does not allow this request to be performed")
	}
	f := c.strike(call, subject)
	if f != nil && f.Kind != "" && f.When != After {
		return nil, f.error(call)
	}
	return f, effect(f)
}

func (c *Cloud) timestamp() string {
	now := c.now
	if c.options.Now != nil {
		now = c.options.Now()
	}
	return now.UTC().Format(time.RFC3339)
}

// newID gives ids in the form of a UUID, counted up, so that the same calls give the same ids.
func (c *Cloud) newID(kind uint32) string {
	c.seq++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, c.seq)
}

// ended is the error of a call whose context was over before anything was sent.
func ended(call string, err error) error {
	return &providers.Error{Kind: providers.KindTransient, Call: call, Message: err.Error(), Err: err}
}

var statusOf = map[providers.ErrorKind]int{
	providers.KindNotFound: 404, providers.KindConflict: 409, providers.KindQuota: 403, providers.KindTransient: 503,
	providers.KindDenied: 403, providers.KindInvalid: 400,
}

// refuse is the error of a call that the cloud answered with no.
func refuse(kind providers.ErrorKind, call, format string, values ...any) error {
	return &providers.Error{Kind: kind, Call: call, Status: statusOf[kind], Message: fmt.Sprintf(format, values...), Sent: true}
}

// marked refuses a create whose mark would not be found again.
func marked(call string, mark providers.Mark) error {
	if err := mark.Valid(); err != nil {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: err.Error(), Err: err}
	}
	return nil
}
