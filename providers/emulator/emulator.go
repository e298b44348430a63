// Package emulator is an OpenStack that fits in one process: Keystone, Nova, Cinder, Glance, Neutron and Swift over
// HTTP on one port, with the real paths, status codes, paging, error bodies and waiting times, and a directory as its
// only memory. Stock clients work against it unmodified. What a server boots is left to an implementation of Machines.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Server is an open cloud. It is safe for concurrent use.
type Server struct {
	opt     Options
	cidr    netip.Prefix // the private network
	handler http.Handler
	http    *http.Server // nil without Options.Listen
	boots   chan struct{}
	log     *requestLog
	faults  faultSet

	ctx    context.Context // ends with Close: background work watches it
	cancel context.CancelFunc
	work   sync.WaitGroup
	queues queueSet

	mu sync.Mutex // guards everything below
	tables
	used     map[string]map[netip.Addr]string // subnet id to address to port id
	cursor   map[string]netip.Addr            // subnet id to the address given last
	objects  map[string]*containerIndex       // account/container to its sorted object names
	late     map[string]time.Time             // when lists begin to show an object, by its id; a fault
	password string
	closed   bool
}

// tables hold every object of the cloud.
type tables struct {
	st             *store
	meta           *table[string]
	tokens         *table[token]
	appCredentials *table[appCredential]
	servers        *table[server]
	keypairs       *table[keypair]
	serverGroups   *table[serverGroup]
	volumes        *table[volume]
	snapshots      *table[snapshot]
	networks       *table[network]
	subnets        *table[subnet]
	ports          *table[port]
	secGroups      *table[securityGroup]
	secRules       *table[securityRule]
	floatingIPs    *table[floatingIP]
	images         *table[image]
	accounts       *table[map[string]string] // their metadata
	containers     *table[container]
	objectRows     *table[object]
}

// Open opens the cloud in o.Dir, making it when the directory is new. Servers that were ACTIVE are booted again and
// builds, deletions and extensions that were under way go on, all in the background.
func Open(o Options) (*Server, error) {
	o, cidr, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"", "servers", "volumes", "images", "objects"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("making the cloud's directory: %w", err)
		}
	}
	s := &Server{opt: o, cidr: cidr, boots: make(chan struct{}, o.BootParallel)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.queues.byID = map[string]*queue{}
	s.used, s.cursor = map[string]map[netip.Addr]string{}, map[string]netip.Addr{}
	s.objects, s.late = map[string]*containerIndex{}, map[string]time.Time{}
	if err := s.openTables(); err != nil {
		return nil, err
	}
	if s.log, err = openRequestLog(filepath.Join(o.Dir, "requests.log"), o.Clock.Now); err != nil {
		return nil, errors.Join(err, s.st.db.Close())
	}
	s.faults.now = o.Clock.Now
	s.locked(s.seed)
	s.handler = s.routes()
	if o.Listen != "" {
		if err := s.listen(); err != nil {
			return nil, errors.Join(err, s.log.close(), s.st.db.Close())
		}
	}
	s.locked(s.resume)
	return s, nil
}

func (s *Server) openTables() error {
	st, err := openStore(filepath.Join(s.opt.Dir, "cloud.db"))
	if err != nil {
		return err
	}
	s.st = st
	for _, open := range []func() error{
		into(&s.meta, st, "meta"), into(&s.tokens, st, "tokens"), into(&s.appCredentials, st, "app_credentials"),
		into(&s.servers, st, "servers"), into(&s.keypairs, st, "keypairs"), into(&s.serverGroups, st, "server_groups"),
		into(&s.volumes, st, "volumes"), into(&s.snapshots, st, "snapshots"),
		into(&s.networks, st, "networks"), into(&s.subnets, st, "subnets"), into(&s.ports, st, "ports"),
		into(&s.secGroups, st, "security_groups"), into(&s.secRules, st, "security_group_rules"),
		into(&s.floatingIPs, st, "floating_ips"), into(&s.images, st, "images"),
		into(&s.accounts, st, "accounts"), into(&s.containers, st, "containers"), into(&s.objectRows, st, "objects"),
	} {
		if err := open(); err != nil {
			return errors.Join(err, st.db.Close())
		}
	}
	return nil
}

func into[T any](dst **table[T], st *store, name string) func() error {
	return func() error {
		t, err := openTable[T](st, name)
		*dst = t
		return err
	}
}

// listen starts to serve on Options.Listen and settles the endpoint.
func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.opt.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.opt.Listen, err)
	}
	if s.opt.Endpoint == "" {
		s.opt.Endpoint = "http://" + l.Addr().String()
	}
	s.http = &http.Server{Handler: s.handler, ReadHeaderTimeout: 30 * time.Second}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.opt.Log.Error("the embedded cloud stopped serving", "error", err)
		}
	}()
	return nil
}

// Handler serves every service, for callers that did not set Options.Listen.
func (s *Server) Handler() http.Handler { return s.handler }

// Endpoint is the base URL of the services; empty when neither Options.Endpoint nor Options.Listen was given.
func (s *Server) Endpoint() string { return strings.TrimSuffix(s.opt.Endpoint, "/") }

// Close stops serving and every machine and keeps all data. Nothing else of the server may be used after it.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()

	var errs []error
	s.cancel()
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	s.work.Wait()
	if s.opt.Machines != nil {
		errs = append(errs, s.stopMachines(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, s.st.commit(), s.log.close(), s.st.db.Close())...)
}

// stopMachines stops every machine, at most BootParallel at a time.
func (s *Server) stopMachines(ctx context.Context) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		gate = make(chan struct{}, s.opt.BootParallel)
	)
	for _, sv := range s.servers.all() {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-gate }()
			if err := s.opt.Machines.Stop(ctx, sv.ID); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("stopping the machine of server %s: %w", sv.ID, err))
			}
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// locked runs f with the cloud locked and makes what it changed durable. It reports false after Close.
func (s *Server) locked(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	f()
	s.commit()
	return true
}

// commit makes changes durable; the caller holds s.mu. A failing disk leaves memory ahead of the file, which is worth
// a loud line but no reason to stop answering.
func (s *Server) commit() {
	if err := s.st.commit(); err != nil {
		s.opt.Log.Error("the embedded cloud cannot record its state", "error", err)
	}
}

func (s *Server) now() time.Time { return s.opt.Clock.Now().UTC().Truncate(time.Microsecond) }
