package emulator

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// imageMember is a project that an image is shared with.
type imageMember struct {
	Status           string // pending, accepted or rejected
	Created, Updated time.Time
}

func memberView(img *image, project string) map[string]any {
	m := img.Members[project]
	return map[string]any{
		"image_id": img.ID, "member_id": project, "status": m.Status, "schema": "/v2/schemas/member",
		"created_at": zulu(m.Created), "updated_at": zulu(m.Updated),
	}
}

// setMember records a member, or its end; the map is another one, because answers may still read the old one.
func (s *Server) setMember(img *image, project string, m *imageMember) {
	next := maps.Clone(img.Members)
	if next == nil {
		next = map[string]imageMember{}
	}
	if m == nil {
		delete(next, project)
	} else {
		next[project] = *m
	}
	img.Members = next
	s.images.put(img.ID, img)
}

func (s *Server) listMembers(c *call) error {
	img, err := s.imageOf(c)
	if err != nil {
		return err
	}
	if img.Visibility != "shared" {
		return forbidden("Only shared images have members.")
	}
	out := []any{}
	for _, project := range slices.Sorted(maps.Keys(img.Members)) {
		if img.Owner == c.project || project == c.project {
			out = append(out, memberView(img, project))
		}
	}
	return c.reply(http.StatusOK, map[string]any{"members": out, "schema": "/v2/schemas/members"})
}

// addMember shares an image with a project, which has to accept it before its lists show it.
func (s *Server) addMember(c *call) error {
	img, err := s.ownImage(c)
	if err != nil {
		return err
	}
	var req struct {
		Member string `json:"member"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	switch _, taken := img.Members[req.Member]; {
	case img.Visibility != "shared":
		return forbidden("Only shared images have members.")
	case req.Member == "":
		return badRequest("Member can't be empty")
	case taken:
		return conflict("The target member %s is already associated with image %s.", req.Member, img.ID)
	}
	s.setMember(img, req.Member, &imageMember{Status: "pending", Created: s.now(), Updated: s.now()})
	return c.reply(http.StatusOK, memberView(img, req.Member))
}

// memberOf finds the member that the path names.
func (s *Server) memberOf(c *call) (*image, string, error) {
	img, err := s.imageOf(c)
	if err != nil {
		return nil, "", err
	}
	project := c.path("member")
	if _, ok := img.Members[project]; !ok || img.Owner != c.project && project != c.project {
		return nil, "", notFound("%s not found in the member list of the image %s.", project, img.ID)
	}
	return img, project, nil
}

func (s *Server) showMember(c *call) error {
	img, project, err := s.memberOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, memberView(img, project))
}

// updateMember accepts or rejects an image; that is the member's to say.
func (s *Server) updateMember(c *call) error {
	img, project, err := s.memberOf(c)
	if err != nil {
		return err
	}
	var req struct {
		Status string `json:"status"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if project != c.project || img.Owner == c.project {
		return forbidden("You are not authorized to complete modify_member action.")
	}
	if !slices.Contains([]string{"pending", "accepted", "rejected"}, req.Status) {
		return badRequest("The value %s is not one of ['pending', 'accepted', 'rejected'].", req.Status)
	}
	m := img.Members[project]
	m.Status, m.Updated = req.Status, s.now()
	s.setMember(img, project, &m)
	return c.reply(http.StatusOK, memberView(img, project))
}

func (s *Server) deleteMember(c *call) error {
	if _, err := s.ownImage(c); err != nil {
		return err
	}
	img, project, err := s.memberOf(c)
	if err != nil {
		return err
	}
	s.setMember(img, project, nil)
	return c.reply(http.StatusNoContent, nil)
}

// activateImage ends (deactivate) or allows (reactivate) the download of an image.
func (s *Server) activateImage(c *call) error {
	img, err := s.ownImage(c)
	if err != nil {
		return err
	}
	from, to := imageActive, imageDeactivated
	if c.path("action") == "reactivate" {
		from, to = to, from
	} else if c.path("action") != "deactivate" {
		return notFound("The resource could not be found.")
	}
	if img.Status != from && img.Status != to {
		return forbidden("Not allowed to %s image in status '%s'", c.path("action"), img.Status)
	}
	img.Status = to
	s.saveImage(img)
	return c.reply(http.StatusNoContent, nil)
}
