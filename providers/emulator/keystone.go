package emulator

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// token is a Keystone token; its row's key is a digest of it, so that the database holds no usable token.
type token struct {
	Project  string    `json:"project"` // empty: unscoped
	Methods  []string  `json:"methods"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	AuditID  string    `json:"audit_id"`
	AppCred  string    `json:"app_cred,omitempty"` // id of the application credential it was got with
	Restrict bool      `json:"restrict,omitempty"` // may not manage application credentials
	Roles    []string  `json:"roles"`
}

func (s *Server) keystoneRoutes() []route {
	r := func(pattern string, open bool, h func(*call) error) route {
		return route{service: identity, pattern: pattern, open: open, handle: h}
	}
	routes := []route{
		r("POST /identity/v3/auth/tokens", true, s.issueToken),
		r("GET /identity/v3/auth/tokens", false, s.showToken),
		r("DELETE /identity/v3/auth/tokens", false, s.revokeToken),
		r("GET /identity/v3/auth/catalog", false, func(c *call) error {
			return c.reply(200, map[string]any{"catalog": s.catalog(c, c.token.Project), "links": map[string]any{}})
		}),
		r("GET /identity/v3/auth/projects", false, s.listProjects),
		r("GET /identity/v3/users/{user}/projects", false, s.listProjects),
		r("GET /identity/v3/projects/{id}", false, s.showProject),
		r("GET /identity/v3/users/{user}", false, s.showUser),
		r("GET /identity/v3/users/{user}/application_credentials", false, s.listAppCredentials),
		r("POST /identity/v3/users/{user}/application_credentials", false, s.createAppCredential),
		r("GET /identity/v3/users/{user}/application_credentials/{id}", false, s.showAppCredential),
		r("DELETE /identity/v3/users/{user}/application_credentials/{id}", false, s.deleteAppCredential),
		r("GET /identity/v3/regions", false, func(c *call) error {
			one := map[string]any{"id": region, "description": "", "parent_region_id": nil}
			return c.reply(http.StatusOK, map[string]any{"regions": []any{one}, "links": map[string]any{"next": nil, "previous": nil}})
		}),
	}
	for _, plural := range []string{"projects", "users", "groups", "roles", "role_assignments", "services", "endpoints", "domains"} {
		kind := strings.TrimSuffix(plural, "s")
		routes = append(routes, r("GET /identity/v3/"+plural, false, administrators("list_"+plural)),
			r("POST /identity/v3/"+plural, false, administrators("create_"+kind)))
	}
	return routes
}

// administrators refuses what only an administrator may do.
func administrators(rule string) func(*call) error {
	return func(*call) error {
		return forbidden("You are not authorized to perform the requested action: identity:%s.", rule)
	}
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// validToken finds a token that is known and has not expired.
func (s *Server) validToken(raw string) (*token, bool) {
	if raw == "" {
		return nil, false
	}
	t, ok := s.tokens.get(digest(raw))
	if !ok || !s.now().Before(t.Expires) {
		return nil, false
	}
	return t, true
}

// purgeTokens forgets the oldest tokens that have expired, so that neither store nor memory grows with every client.
func (s *Server) purgeTokens() {
	for now := s.now(); s.tokens.len() > 0 && !now.Before(s.tokens.order[0].val.Expires); {
		s.tokens.del(s.tokens.order[0].id)
	}
}

// userRoles are what the cloud's user has in its projects. An application credential may have fewer.
var userRoles = []string{"member", "reader"}

// mayCall refuses a reader what changes anything. Keystone lets every user manage what is its own.
func mayCall(c *call) error {
	reads := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	if reads || c.service == identity || slices.Contains(c.token.Roles, "member") {
		return nil
	}
	if c.service == networking {
		return neutronError(http.StatusForbidden, "PolicyNotAuthorized", "The request is disallowed by policy: it needs the role member.")
	}
	return forbidden("Policy doesn't allow this request to be performed: it needs the role member.")
}

type domainRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d domainRef) isDefault() bool { return d.ID == domainID || d.Name == domainName }

type userRef struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Domain   domainRef `json:"domain"`
	Password string    `json:"password"`
}

type authRequest struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User userRef `json:"user"`
			} `json:"password"`
			Token struct {
				ID string `json:"id"`
			} `json:"token"`
			AppCred struct {
				ID     string  `json:"id"`
				Name   string  `json:"name"`
				Secret string  `json:"secret"`
				User   userRef `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope any `json:"scope"` // an object, or the word "unscoped"
	} `json:"auth"`
}

// issueToken authenticates by password, token or application credential.
// https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management
func (s *Server) issueToken(c *call) error {
	var req authRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	id := req.Auth.Identity
	if len(id.Methods) == 0 {
		return badRequest("Expecting to find identity in auth. The server could not comply with the request.")
	}
	t := &token{Methods: id.Methods, Issued: s.now(), Expires: s.now().Add(s.opt.TokenLifetime), AuditID: s.secret()[:22], Roles: userRoles}
	for _, m := range id.Methods {
		switch m {
		case "password":
			if !s.knowsUser(id.Password.User) || !sameSecret(id.Password.User.Password, s.password) {
				return unauthorized()
			}
		case "token":
			old, ok := s.validToken(id.Token.ID)
			if !ok {
				return unauthorized()
			}
			t.Expires, t.AppCred, t.Restrict, t.Project, t.Roles = old.Expires, old.AppCred, old.Restrict, old.Project, old.Roles
		case "application_credential":
			ac, ok := s.findAppCredential(id.AppCred.ID, id.AppCred.Name, id.AppCred.User)
			if !ok {
				return notFound("Could not find Application Credential: %s.", cmp.Or(id.AppCred.ID, id.AppCred.Name))
			}
			if !sameSecret(ac.SecretDigest, digest(id.AppCred.Secret)) || ac.expired(s.now()) {
				return unauthorized()
			}
			t.AppCred, t.Project, t.Restrict, t.Roles = ac.ID, ac.Project, !ac.Unrestricted, ac.Roles
		default:
			return unauthorized()
		}
	}
	if err := s.scope(t, req.Auth.Scope); err != nil {
		return err
	}
	s.purgeTokens()
	raw := s.secret() + s.secret()
	s.tokens.put(digest(raw), t)
	c.w.Header().Set("X-Subject-Token", raw)
	c.w.Header().Set("Vary", "X-Auth-Token")
	return c.reply(http.StatusCreated, s.tokenView(c, t))
}

func (s *Server) knowsUser(u userRef) bool {
	return u.ID == s.userID() || u.ID == "" && u.Name == userName && u.Domain.isDefault()
}

// scope binds the token to the project that was asked for; "unscoped" and no scope leave the token as it is, except
// that a password's user has the default project demo.
func (s *Server) scope(t *token, raw any) error {
	m, ok := raw.(map[string]any)
	if !ok {
		if raw == "unscoped" {
			t.Project = ""
		}
		if raw == nil && t.AppCred == "" && t.Project == "" {
			t.Project = s.projects()[projectName]
		}
		return nil
	}
	p, ok := m["project"].(map[string]any)
	if !ok {
		if _, un := m["unscoped"]; un {
			t.Project = ""
			return nil
		}
		return unauthorized() // domain and system scope: the user has no role there
	}
	if t.AppCred != "" {
		return unauthorized() // application credentials cannot be scoped anew
	}
	id, _ := p["id"].(string)
	name, _ := p["name"].(string)
	for n, pid := range s.projects() {
		if id == pid || id == "" && name == n {
			t.Project = pid
			return nil
		}
	}
	return unauthorized()
}

func (s *Server) tokenView(c *call, t *token) any {
	domain := domainRef{ID: domainID, Name: domainName}
	v := map[string]any{
		"methods": t.Methods, "issued_at": micro(t.Issued) + "Z", "expires_at": micro(t.Expires) + "Z",
		"audit_ids": []string{t.AuditID},
		"user": map[string]any{
			"id": s.userID(), "name": userName, "domain": domain, "password_expires_at": nil,
		},
	}
	if t.Project != "" {
		v["project"] = map[string]any{"id": t.Project, "name": s.projectName(t.Project), "domain": domain}
		v["is_domain"] = false
		roles := []any{}
		for _, r := range t.Roles {
			roles = append(roles, map[string]any{"id": digest(r)[:32], "name": r})
		}
		v["roles"] = roles
		v["catalog"] = s.catalog(c, t.Project)
	}
	if t.AppCred != "" {
		v["application_credential"] = map[string]any{"id": t.AppCred, "restricted": t.Restrict}
	}
	return map[string]any{"token": v}
}

func (s *Server) projectName(id string) string {
	for name, pid := range s.projects() {
		if pid == id {
			return name
		}
	}
	return ""
}

// catalog lists the services and where they are for a project.
func (s *Server) catalog(c *call, project string) any {
	base := s.base(c.r)
	out := []any{}
	for _, e := range []struct{ typ, name, path string }{
		{"identity", "keystone", "/identity/v3"}, {"compute", "nova", "/compute/v2.1"},
		{"volumev3", "cinderv3", "/volume/v3/" + project}, {"image", "glance", "/image"},
		{"network", "neutron", "/network"}, {"object-store", "swift", "/object-store/v1/AUTH_" + project},
	} {
		endpoints := []any{}
		for _, iface := range []string{"public", "internal", "admin"} {
			endpoints = append(endpoints, map[string]any{
				"id": digest(e.typ + iface)[:32], "interface": iface, "region": region, "region_id": region, "url": base + e.path,
			})
		}
		out = append(out, map[string]any{"id": digest(e.typ)[:32], "type": e.typ, "name": e.name, "endpoints": endpoints})
	}
	return out
}

func (s *Server) showToken(c *call) error {
	subject := c.r.Header.Get("X-Subject-Token")
	t, ok := s.validToken(subject)
	if !ok {
		return notFound("This is not a recognized Fernet token")
	}
	c.w.Header().Set("X-Subject-Token", subject)
	return c.reply(http.StatusOK, s.tokenView(c, t))
}

func (s *Server) revokeToken(c *call) error {
	subject := c.r.Header.Get("X-Subject-Token")
	if _, ok := s.validToken(subject); !ok {
		return notFound("This is not a recognized Fernet token")
	}
	s.tokens.del(digest(subject))
	return c.reply(http.StatusNoContent, nil)
}
