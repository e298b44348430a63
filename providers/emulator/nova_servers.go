package emulator

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// serverFilter is the query of a list, made ready.
type serverFilter struct {
	name, ip *regexp.Regexp
	since    time.Time
}

// matchServers lists the project's servers that the query asks for, newest first.
// https://docs.openstack.org/api-ref/compute/#list-servers
func (s *Server) matchServers(c *call) ([]*server, error) {
	q := c.r.URL.Query()
	var f serverFilter
	var err error
	if raw := q.Get("name"); raw != "" {
		if f.name, err = regexp.Compile("(?i)" + raw); err != nil { // MySQL's REGEXP, which Nova uses, ignores case
			return nil, badRequest("Invalid input for query parameters name. Value: %s.", raw)
		}
	}
	if raw := q.Get("ip"); raw != "" {
		if f.ip, err = regexp.Compile("^" + raw); err != nil {
			return nil, badRequest("Invalid input for query parameters ip. Value: %s.", raw)
		}
	}
	if raw := q.Get("changes-since"); raw != "" {
		if f.since, err = parseTime(raw); err != nil {
			return nil, badRequest("Invalid input for query parameters changes-since. Value: %s.", raw)
		}
	}
	out := []*server{}
	for _, sv := range s.servers.newest() {
		if sv.Project != c.project || !s.matchesServer(sv, f) {
			continue
		}
		if !wantsFold(q["status"], sv.Status) || !wants(q, "uuid", sv.ID) || !wants(q, "flavor", sv.Flavor) ||
			!wants(q, "image", sv.Image) || !wants(q, "availability_zone", sv.AZ) || !wants(q, "key_name", sv.KeyName) ||
			!wants(q, "vm_state", sv.vmState()) || !wants(q, "task_state", sv.Task) {
			continue
		}
		out = append(out, sv)
	}
	if dir := q.Get("sort_dir"); dir == "asc" && (q.Get("sort_key") == "" || q.Get("sort_key") == "created_at") {
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out, nil
}

func wantsFold(vs []string, value string) bool {
	if len(vs) == 0 {
		return true
	}
	for _, v := range vs {
		if strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}

func (s *Server) matchesServer(sv *server, f serverFilter) bool {
	if f.name != nil && !f.name.MatchString(sv.Name) {
		return false
	}
	if !f.since.IsZero() && sv.Updated.Before(f.since) {
		return false
	}
	if f.ip == nil {
		return true
	}
	for _, sp := range sv.Ports {
		p, ok := s.ports.get(sp.ID)
		for i := 0; ok && i < len(p.FixedIPs); i++ {
			if f.ip.MatchString(p.FixedIPs[i].Address) {
				return true
			}
		}
	}
	return false
}

func (s *Server) updateServer(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	var req struct {
		Server struct {
			Name        *string `json:"name"`
			Description *string `json:"description"`
			AccessIPv4  string  `json:"accessIPv4"`
		} `json:"server"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Server
	if in.Name == nil && in.Description == nil && in.AccessIPv4 == "" {
		return badRequest("Invalid input for field/attribute server. {} does not have enough properties")
	}
	if in.Name != nil && (strings.TrimSpace(*in.Name) == "" || len([]rune(*in.Name)) > 255) {
		return badRequest("Invalid input for field/attribute name. Value: %s.", *in.Name)
	}
	if _, perr := netip.ParseAddr(in.AccessIPv4); in.AccessIPv4 != "" && perr != nil {
		return badRequest("Invalid input for field/attribute accessIPv4. Value: %s.", in.AccessIPv4)
	}
	set(&sv.Name, in.Name)
	set(&sv.Description, in.Description)
	s.save(sv)
	return c.reply(http.StatusOK, map[string]any{"server": s.serverView(c, sv)})
}

// deleteServer accepts a deletion in every state; one that is under way is accepted again.
func (s *Server) deleteServer(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	if err := unlocked(sv); err != nil {
		return err
	}
	if sv.Task != taskDeleting {
		sv.note(c, "delete")
		s.startDelete(sv)
	}
	return c.reply(http.StatusNoContent, nil)
}

// serverMetadata shows (GET), adds to (POST) or replaces (PUT) the metadata.
func (s *Server) serverMetadata(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodPut || c.r.Method == http.MethodPost {
		var req struct {
			Metadata map[string]string `json:"metadata"`
		}
		if err := c.decode(&req); err != nil {
			return err
		}
		if req.Metadata == nil {
			return badRequest("Invalid input for field/attribute metadata. 'metadata' is a required property")
		}
		next := clone(req.Metadata)
		if c.r.Method == http.MethodPost {
			next = clone(sv.Metadata)
			for k, v := range req.Metadata {
				next[k] = v
			}
		}
		if err := s.setMetadata(sv, next); err != nil {
			return err
		}
	}
	return c.reply(http.StatusOK, map[string]any{"metadata": clone(sv.Metadata)})
}

func (s *Server) setMetadata(sv *server, next map[string]string) error {
	if err := unlocked(sv); err != nil {
		return err
	}
	if sv.Task == taskDeleting {
		return conflict("Cannot 'update metadata' instance %s while it is in task_state deleting", sv.ID)
	}
	if state := sv.vmState(); !slices.Contains([]string{"active", "stopped", "paused", "suspended"}, state) {
		return conflict("Cannot 'update metadata' instance %s while it is in vm_state %s", sv.ID, state)
	}
	if err := checkMetadata(next); err != nil {
		return err
	}
	sv.Metadata = next
	s.save(sv)
	return nil
}

// serverMetadataItem shows (GET), sets (PUT) or removes (DELETE) one item.
func (s *Server) serverMetadataItem(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	key := c.path("key")
	value, known := sv.Metadata[key]
	switch c.r.Method {
	case http.MethodPut:
		var req struct {
			Meta map[string]string `json:"meta"`
		}
		if err := c.decode(&req); err != nil {
			return err
		}
		v, given := req.Meta[key]
		if !given || len(req.Meta) != 1 {
			return badRequest("Request body and URI mismatch")
		}
		next := clone(sv.Metadata)
		next[key] = v
		if err := s.setMetadata(sv, next); err != nil {
			return err
		}
		return c.reply(http.StatusOK, map[string]any{"meta": map[string]string{key: v}})
	case http.MethodDelete:
		if !known {
			break
		}
		next := clone(sv.Metadata)
		delete(next, key)
		if err := s.setMetadata(sv, next); err != nil {
			return err
		}
		return c.reply(http.StatusNoContent, nil)
	default:
		if known {
			return c.reply(http.StatusOK, map[string]any{"meta": map[string]string{key: value}})
		}
	}
	return notFound("Metadata item was not found")
}
