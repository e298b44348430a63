package emulator

import (
	"net/http"
	"slices"
	"time"
)

// appCredential is an application credential: a second secret of the user, bound to one project.
type appCredential struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Description  string    `json:"description"`
	Project      string    `json:"project"`
	SecretDigest string    `json:"secret_digest"`
	Unrestricted bool      `json:"unrestricted"`
	Expires      time.Time `json:"expires"` // zero: never
	Roles        []string  `json:"roles"`
}

func (a *appCredential) expired(now time.Time) bool {
	return !a.Expires.IsZero() && !now.Before(a.Expires)
}

func (s *Server) findAppCredential(id, name string, u userRef) (*appCredential, bool) {
	if id != "" {
		return s.appCredentials.get(id)
	}
	if !s.knowsUser(u) {
		return nil, false
	}
	for _, a := range s.appCredentials.all() {
		if a.Name == name {
			return a, true
		}
	}
	return nil, false
}

// ownUser refuses to speak about other users than the one of the token.
func (s *Server) ownUser(c *call) error {
	if c.path("user") != s.userID() {
		return forbidden("You are not authorized to perform the requested action.")
	}
	return nil
}

func (s *Server) projectView(c *call, name, id string) map[string]any {
	return map[string]any{
		"id": id, "name": name, "description": "", "enabled": true, "domain_id": domainID, "parent_id": domainID,
		"is_domain": false, "tags": []string{}, "options": map[string]any{},
		"links": map[string]any{"self": s.base(c.r) + "/identity/v3/projects/" + id},
	}
}

func (s *Server) listProjects(c *call) error {
	out := []any{}
	for _, name := range []string{projectName, spareProject} {
		if want := c.query("name"); want == "" || want == name {
			out = append(out, s.projectView(c, name, s.projects()[name]))
		}
	}
	return c.reply(http.StatusOK, map[string]any{"projects": out, "links": map[string]any{"next": nil, "previous": nil}})
}

func (s *Server) showProject(c *call) error {
	name := s.projectName(c.path("id"))
	if name == "" {
		return notFound("Could not find project: %s.", c.path("id"))
	}
	return c.reply(http.StatusOK, map[string]any{"project": s.projectView(c, name, c.path("id"))})
}

func (s *Server) showUser(c *call) error {
	if err := s.ownUser(c); err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"user": map[string]any{
		"id": s.userID(), "name": userName, "domain_id": domainID, "enabled": true, "password_expires_at": nil,
		"options": map[string]any{},
		"links":   map[string]any{"self": s.base(c.r) + "/identity/v3/users/" + s.userID()},
	}})
}

func (s *Server) appCredentialView(c *call, a *appCredential) map[string]any {
	roles := []any{}
	for _, r := range a.Roles {
		roles = append(roles, map[string]any{"id": digest(r)[:32], "name": r, "domain_id": nil})
	}
	v := map[string]any{
		"id": a.ID, "name": a.Name, "description": orNil(a.Description), "project_id": a.Project, "unrestricted": a.Unrestricted,
		"roles": roles, "expires_at": nil, "system": nil, "user_id": s.userID(),
		"links": map[string]any{"self": s.base(c.r) + "/identity/v3/users/" + s.userID() + "/application_credentials/" + a.ID},
	}
	if !a.Expires.IsZero() {
		v["expires_at"] = micro(a.Expires)
	}
	return v
}

func (s *Server) listAppCredentials(c *call) error {
	if err := s.ownUser(c); err != nil {
		return err
	}
	out := []any{}
	for _, a := range s.appCredentials.all() {
		if want := c.query("name"); want == "" || want == a.Name {
			out = append(out, s.appCredentialView(c, a))
		}
	}
	return c.reply(http.StatusOK, map[string]any{
		"application_credentials": out, "links": map[string]any{"next": nil, "previous": nil},
	})
}

type appCredentialSpec struct {
	Name         string    `json:"name"`
	Description  string    `json:"description"`
	Secret       string    `json:"secret"`
	Unrestricted bool      `json:"unrestricted"`
	ExpiresAt    string    `json:"expires_at"`
	Roles        []roleRef `json:"roles"`
}

type roleRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// mayManage refuses tokens that were got with a restricted application credential.
func (s *Server) mayManage(c *call) error {
	if c.token.Restrict {
		return forbidden("You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional application credentials..")
	}
	return s.ownUser(c)
}

func (s *Server) createAppCredential(c *call) error {
	if err := s.mayManage(c); err != nil {
		return err
	}
	var req struct {
		Cred appCredentialSpec `json:"application_credential"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Cred
	if in.Name == "" {
		return badRequest("Invalid input for field 'name': it is a required property.")
	}
	if _, taken := s.findAppCredential("", in.Name, userRef{ID: s.userID()}); taken {
		return conflict("Conflict occurred attempting to store application_credential - Duplicate entry found with name %s.", in.Name)
	}
	a := &appCredential{ID: s.hexID(), Name: in.Name, Description: in.Description, Project: c.project, Unrestricted: in.Unrestricted}
	if in.ExpiresAt != "" {
		at, err := parseTime(in.ExpiresAt)
		if err != nil {
			return badRequest("The expires_at %s is not a valid time.", in.ExpiresAt)
		}
		a.Expires = at
	}
	for _, r := range in.Roles {
		name := r.Name
		for _, known := range c.token.Roles {
			if r.ID == digest(known)[:32] {
				name = known
			}
		}
		if !slices.Contains(c.token.Roles, name) {
			return badRequest("Invalid application credential: Cannot create an application credential with unassigned role")
		}
		a.Roles = append(a.Roles, name)
	}
	if len(a.Roles) == 0 {
		a.Roles = c.token.Roles
	}
	secret := in.Secret
	if secret == "" {
		secret = s.secret() + s.secret()
	}
	a.SecretDigest = digest(secret)
	s.appCredentials.put(a.ID, a)
	v := s.appCredentialView(c, a)
	v["secret"] = secret // told this once
	return c.reply(http.StatusCreated, map[string]any{"application_credential": v})
}

// parseTime reads a time as the OpenStack services accept it: with or without fraction and zone.
func parseTime(text string) (time.Time, error) {
	var err error
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05"} {
		var t time.Time
		if t, err = time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, err
}

func (s *Server) showAppCredential(c *call) error {
	a, ok := s.appCredentials.get(c.path("id"))
	if err := s.ownUser(c); err != nil {
		return err
	}
	if !ok {
		return notFound("Could not find Application Credential: %s.", c.path("id"))
	}
	return c.reply(http.StatusOK, map[string]any{"application_credential": s.appCredentialView(c, a)})
}

// deleteAppCredential also ends the tokens that were got with it, as Keystone does.
func (s *Server) deleteAppCredential(c *call) error {
	if err := s.mayManage(c); err != nil {
		return err
	}
	id := c.path("id")
	if _, ok := s.appCredentials.get(id); !ok {
		return notFound("Could not find Application Credential: %s.", id)
	}
	s.appCredentials.del(id)
	for _, r := range append([]*row[token](nil), s.tokens.order...) {
		if r.val.AppCred == id {
			s.tokens.del(r.id)
		}
	}
	return c.reply(http.StatusNoContent, nil)
}
