package emulator

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Names of what every cloud starts with.
const (
	userName     = "demo"
	projectName  = "demo"
	spareProject = "alt_demo"
	region       = "RegionOne"
	domainID     = "default"
	domainName   = "Default"
)

var zones = []string{"az1", "az2", "az3"}

// flavor is a kind of server: RAM in MiB, disk in GiB.
type flavor struct {
	ID, Name         string
	RAM, VCPUs, Disk int
}

var flavors = []flavor{
	{"d1", "db.tiny", 256, 1, 5}, {"d2", "db.small", 512, 1, 5},
	{"d3", "db.medium", 1024, 2, 5}, {"d4", "db.large", 2048, 2, 5},
}

func flavorByID(id string) (flavor, bool) {
	for _, f := range flavors {
		if f.ID == id {
			return f, true
		}
	}
	return flavor{}, false
}

// remember returns the value kept under key, making it when there is none.
func (s *Server) remember(key string, fresh func() string) string {
	if v, ok := s.meta.get(key); ok {
		return *v
	}
	v := fresh()
	s.meta.put(key, &v)
	return v
}

func (s *Server) userID() string { return s.remember("user", s.hexID) }

// projects maps names to ids.
func (s *Server) projects() map[string]string {
	return map[string]string{
		projectName:  s.remember("project", s.hexID),
		spareProject: s.remember("spare_project", s.hexID),
	}
}

// adminProject owns the public images; the user has no role in it.
func (s *Server) adminProject() string { return s.remember("admin_project", s.hexID) }

// seed makes what a new cloud starts with and adds images that the machines have learned to boot since.
func (s *Server) seed() {
	s.password = s.remember("password", s.secret)
	s.userID()
	projects := s.projects()
	for _, id := range []string{projects[projectName], projects[spareProject]} {
		s.defaultGroup(id)
	}
	s.seedNetworks(projects[projectName])
	s.seedImages()
	s.purgeTokens()
	for _, p := range s.ports.all() {
		s.claim(p)
	}
	for _, f := range s.floatingIPs.all() {
		s.claimAddress(f.SubnetID, f.Address, f.ID)
	}
	s.indexObjects()
}

func (s *Server) seedNetworks(project string) {
	if s.networks.len() > 0 {
		return
	}
	now := s.now()
	add := func(name string, external bool, cidr netip.Prefix) {
		n := &network{ID: s.uuid(), Name: name, Project: project, External: external, Shared: true, AdminUp: true, Created: now, Updated: now}
		s.networks.put(n.ID, n)
		sub := &subnet{
			ID: s.uuid(), Name: name + "-subnet", Network: n.ID, Project: project, CIDR: cidr.String(), DHCP: !external,
			Gateway: cidr.Addr().Next().String(), Created: now, Updated: now,
		}
		sub.Start, sub.End = poolOf(cidr)
		s.subnets.put(sub.ID, sub)
	}
	add("private", false, s.cidr)
	add("public", true, netip.MustParsePrefix("203.0.113.0/24"))
}

// poolOf is the default range of a subnet: all but the network's, the gateway's and the broadcast address.
func poolOf(cidr netip.Prefix) (start, end string) {
	b := cidr.Addr().As4()
	host := uint32(1)<<(32-cidr.Bits()) - 1
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	last := n + host - 1
	return cidr.Addr().Next().Next().String(),
		netip.AddrFrom4([4]byte{byte(last >> 24), byte(last >> 16), byte(last >> 8), byte(last)}).String()
}

func (s *Server) seedImages() {
	names := EveryEngine
	if s.opt.Machines != nil {
		names = s.opt.Machines.Images()
	}
	have := map[string]bool{}
	for _, img := range s.images.all() {
		have[img.Name] = true
	}
	now := s.now()
	for _, name := range names {
		if have[name] {
			continue
		}
		engine, version, _ := strings.Cut(name, "-")
		md, sha := md5.Sum([]byte(name)), sha512.Sum512([]byte(name))
		img := &image{
			ID: s.uuid(), Name: name, Owner: s.adminProject(), Status: imageActive, Visibility: "public",
			DiskFormat: "qcow2", ContainerFormat: "bare", Size: 1 << 28, MinDisk: 2, MinRAM: 128,
			Tags: []string{engine, "trove"}, Checksum: hex.EncodeToString(md[:]), Hash: hex.EncodeToString(sha[:]),
			Props:   map[string]string{"os_type": "linux", "os_distro": "debian", "datastore": engine, "datastore_version": version},
			Created: now, Updated: now,
		}
		s.images.put(img.ID, img)
	}
}

// WriteCloudsYAML writes a clouds.yaml (mode 0600) whose cloud "dev" is this one.
func (s *Server) WriteCloudsYAML(path string) error {
	if s.Endpoint() == "" {
		return errors.New("writing clouds.yaml: the cloud has no endpoint of its own")
	}
	s.mu.Lock()
	text := fmt.Sprintf("clouds:\n  dev:\n    auth:\n      auth_url: %s/identity/v3\n      username: %s\n      password: %q\n"+
		"      project_name: %s\n      user_domain_name: %s\n      project_domain_name: %s\n"+
		"    region_name: %s\n    interface: public\n    identity_api_version: 3\n",
		s.Endpoint(), userName, s.password, projectName, domainName, domainName, region)
	s.mu.Unlock()
	if err := writeFile(path, []byte(text)); err != nil {
		return fmt.Errorf("writing clouds.yaml: %w", err)
	}
	return nil
}

// Password is the secret of the user demo.
func (s *Server) Password() string { return s.password }

// writeFile replaces path with a file of mode 0600 in one step, so that no reader sees half of it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // CreateTemp makes files of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}
