package emulator

import (
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) novaUse(project string) (instances, cores, ram int) {
	for _, sv := range s.servers.all() {
		if sv.Project == project {
			f, _ := flavorByID(sv.Flavor)
			instances, cores, ram = instances+1, cores+f.VCPUs, ram+f.RAM
		}
	}
	return instances, cores, ram
}

// novaRoom refuses more servers of a flavor when the quota is used up, with 403 as Nova does.
func (s *Server) novaRoom(project string, more int, flavorID string) error {
	f, _ := flavorByID(flavorID)
	instances, cores, ram := s.novaUse(project)
	for _, q := range []struct {
		name        string
		asked, used int
	}{{"instances", more, instances}, {"cores", f.VCPUs, cores}, {"ram", f.RAM, ram}} {
		if !s.opt.quotas.fits(q.name, q.used+q.asked) {
			return forbidden("Quota exceeded for %s: Requested %d, but already used %d of %d %s",
				q.name, q.asked, q.used, s.opt.quotas.limit(q.name), q.name)
		}
	}
	return nil
}

func (s *Server) novaLimits(c *call) error {
	instances, cores, ram := s.novaUse(c.project)
	limit := s.opt.quotas.limit
	return c.reply(http.StatusOK, map[string]any{"limits": map[string]any{"rate": []any{}, "absolute": map[string]any{
		"maxTotalInstances": limit("instances"), "totalInstancesUsed": instances,
		"maxTotalCores": limit("cores"), "totalCoresUsed": cores,
		"maxTotalRAMSize": limit("ram"), "totalRAMUsed": ram,
		"maxServerMeta": 128, "maxImageMeta": 128, "maxTotalKeypairs": limit("key_pairs"), "maxPersonality": 5, "maxPersonalitySize": 10240,
		"maxTotalFloatingIps": -1, "totalFloatingIpsUsed": 0, "maxSecurityGroups": -1, "totalSecurityGroupsUsed": 0, "maxSecurityGroupRules": -1,
		"maxServerGroups": limit("server_groups"), "totalServerGroupsUsed": s.serverGroups.len(), "maxServerGroupMembers": limit("server_group_members"),
	}}})
}

func (s *Server) novaQuotas(c *call) error {
	if c.path("of") != c.project {
		return forbidden("Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.")
	}
	instances, cores, ram := s.novaUse(c.project)
	q := map[string]any{"id": c.project}
	for name, used := range map[string]int{
		"instances": instances, "cores": cores, "ram": ram, "key_pairs": s.keypairs.len(), "metadata_items": 0,
		"server_groups": s.serverGroups.len(), "server_group_members": 0, "fixed_ips": 0, "floating_ips": 0, "security_groups": 0,
		"security_group_rules": 0, "injected_files": 0, "injected_file_content_bytes": 0, "injected_file_path_bytes": 0,
	} {
		if strings.HasSuffix(c.r.URL.Path, "/detail") {
			q[name] = map[string]any{"limit": s.opt.quotas.limit(name), "in_use": used, "reserved": 0}
		} else {
			q[name] = s.opt.quotas.limit(name)
		}
	}
	return c.reply(http.StatusOK, map[string]any{"quota_set": q})
}

type keypair struct {
	Name, Type, PublicKey, Fingerprint string
	Created                            time.Time
}

func keypairView(k *keypair) map[string]any {
	return map[string]any{"name": k.Name, "type": k.Type, "public_key": k.PublicKey, "fingerprint": k.Fingerprint}
}

func (s *Server) listKeypairs(c *call) error {
	out := []any{}
	for _, k := range s.keypairs.all() {
		out = append(out, map[string]any{"keypair": keypairView(k)})
	}
	return c.reply(http.StatusOK, map[string]any{"keypairs": out})
}

// createKeypair takes a public key; without one it makes a pair, and tells the private key this once (until microversion 2.92).
func (s *Server) createKeypair(c *call) error {
	var req struct {
		Keypair struct {
			Name      string  `json:"name"`
			PublicKey *string `json:"public_key"`
		} `json:"keypair"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Keypair
	if in.Name == "" || len(in.Name) > 255 {
		return badRequest("Invalid input for field/attribute name. Value: %s.", in.Name)
	}
	if _, taken := s.keypairs.get(in.Name); taken {
		return conflict("Key pair '%s' already exists.", in.Name)
	}
	var private string
	if in.PublicKey == nil {
		var public string
		var err error
		if private, public, err = s.newKeys(); err != nil {
			return err
		}
		in.PublicKey = &public
	}
	parts := strings.Fields(*in.PublicKey)
	if len(parts) < 2 {
		return badRequest("Keypair data is invalid: failed to generate fingerprint")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil || len(raw) < ed25519.PublicKeySize {
		return badRequest("Keypair data is invalid: failed to generate fingerprint")
	}
	sum := md5.Sum(raw) // Nova's fingerprints are MD5
	fingerprint := strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":")
	k := &keypair{Name: in.Name, Type: "ssh", PublicKey: *in.PublicKey, Fingerprint: fingerprint, Created: s.now()}
	s.keypairs.put(k.Name, k)
	v := keypairView(k)
	v["user_id"] = s.userID()
	if private != "" {
		v["private_key"] = private
	}
	return c.reply(http.StatusOK, map[string]any{"keypair": v})
}

// newKeys makes an RSA key as Nova does: the private one in PEM, the public one as a line of authorized_keys.
func (s *Server) newKeys() (private, public string, err error) {
	key, err := rsa.GenerateKey(s.opt.Rand, 2048)
	if err != nil {
		return "", "", fmt.Errorf("making a key pair: %w", err)
	}
	var wire []byte // RFC 4253, section 6.6
	for _, field := range [][]byte{[]byte("ssh-rsa"), big.NewInt(int64(key.E)).Bytes(), append([]byte{0}, key.N.Bytes()...)} {
		wire = binary.BigEndian.AppendUint32(wire, uint32(len(field)))
		wire = append(wire, field...)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return string(pem.EncodeToMemory(block)), "ssh-rsa " + base64.StdEncoding.EncodeToString(wire) + " Generated-by-Nova", nil
}

func (s *Server) showKeypair(c *call) error {
	k, ok := s.keypairs.get(c.path("name"))
	if !ok {
		return notFound("Keypair %s not found for user %s", c.path("name"), s.userID())
	}
	v := keypairView(k)
	v["id"], v["user_id"], v["created_at"], v["deleted"] = 1, s.userID(), micro(k.Created), false
	return c.reply(http.StatusOK, map[string]any{"keypair": v})
}

func (s *Server) deleteKeypair(c *call) error {
	name := c.path("name")
	if _, ok := s.keypairs.get(name); !ok {
		return notFound("Keypair %s not found for user %s", name, s.userID())
	}
	s.keypairs.del(name)
	return c.reply(http.StatusAccepted, nil)
}

type serverGroup struct {
	ID, Name, Project, Policy string
}

var groupPolicies = []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}

func (s *Server) serverGroupView(c *call, g *serverGroup) map[string]any {
	members := []string{}
	for _, sv := range s.servers.all() {
		if sv.Group == g.ID {
			members = append(members, sv.ID)
		}
	}
	v := map[string]any{"id": g.ID, "name": g.Name, "members": members}
	if c.micro >= 13 {
		v["project_id"], v["user_id"] = g.Project, s.userID()
	}
	if c.micro >= 64 {
		v["policy"], v["rules"] = g.Policy, map[string]any{}
	} else {
		v["policies"], v["metadata"] = []string{g.Policy}, map[string]any{}
	}
	return v
}

func (s *Server) listServerGroups(c *call) error {
	out := []any{}
	for _, g := range s.serverGroups.all() {
		if g.Project == c.project {
			out = append(out, s.serverGroupView(c, g))
		}
	}
	query := c.r.URL.Query()
	if from, err := strconv.Atoi(query.Get("offset")); err == nil {
		out = out[min(max(from, 0), len(out)):]
	}
	if most, err := strconv.Atoi(query.Get("limit")); err == nil && most >= 0 {
		out = out[:min(most, len(out))]
	}
	return c.reply(http.StatusOK, map[string]any{"server_groups": out})
}

func (s *Server) createServerGroup(c *call) error {
	var req struct {
		Group struct {
			Name     string   `json:"name"`
			Policy   string   `json:"policy"`
			Policies []string `json:"policies"`
		} `json:"server_group"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Group
	if c.micro < 64 && len(in.Policies) == 1 {
		in.Policy = in.Policies[0]
	}
	if in.Name == "" || len([]rune(in.Name)) > 255 {
		return badRequest("Invalid input for field/attribute name. Value: %s.", in.Name)
	}
	if !slices.Contains(groupPolicies, in.Policy) || c.micro < 15 && strings.HasPrefix(in.Policy, "soft-") {
		return badRequest("Invalid input for field/attribute policy. Value: %s.", in.Policy)
	}
	if !s.opt.quotas.fits("server_groups", s.serverGroups.len()+1) {
		return forbidden("Quota exceeded, too many server groups.")
	}
	g := &serverGroup{ID: s.uuid(), Name: in.Name, Project: c.project, Policy: in.Policy}
	s.serverGroups.put(g.ID, g)
	return c.reply(http.StatusOK, map[string]any{"server_group": s.serverGroupView(c, g)})
}

func (s *Server) ownServerGroup(c *call) (*serverGroup, error) {
	g, ok := s.serverGroups.get(c.path("id"))
	if !ok || g.Project != c.project {
		return nil, notFound("Instance group %s could not be found.", c.path("id"))
	}
	return g, nil
}

func (s *Server) showServerGroup(c *call) error {
	g, err := s.ownServerGroup(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"server_group": s.serverGroupView(c, g)})
}

func (s *Server) deleteServerGroup(c *call) error {
	g, err := s.ownServerGroup(c)
	if err != nil {
		return err
	}
	s.serverGroups.del(g.ID)
	return c.reply(http.StatusNoContent, nil)
}
