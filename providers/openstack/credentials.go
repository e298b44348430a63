package openstack

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/trovectl/trovectl/providers"
)

// credentials is what the user gave, whichever way.
type credentials struct {
	auth         gophercloud.AuthOptions
	tls          *tls.Config
	region       string
	availability gophercloud.Availability
	cloud        string // the entry's name; empty: the environment
	source       string // where it comes from, for messages
}

// credentials follows the OpenStack clients: a named cloud, else OS_CLOUD, else OS_AUTH_URL and its companions, else the
// only entry of clouds.yaml. OS_REGION_NAME, OS_INTERFACE, OS_CACERT and OS_INSECURE win over an entry.
// https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
func (o *Options) credentials() (*credentials, error) {
	env := o.Getenv
	if env == nil {
		env = os.Getenv
	}
	files := &files{dir: o.Dir, env: env}
	var entry clouds.Cloud
	var err error
	creds := &credentials{cloud: cmp.Or(o.Cloud, env("OS_CLOUD"))}
	switch {
	case creds.cloud == "" && env("OS_AUTH_URL") != "":
		entry, creds.source = environment(env), "the OS_* variables"
	case creds.cloud == "":
		if creds.cloud, err = files.only(); err != nil {
			return nil, err
		}
		fallthrough
	default:
		if entry, creds.source, err = files.entry(creds.cloud); err != nil {
			return nil, err
		}
	}
	if entry.AuthInfo == nil || entry.AuthInfo.AuthURL == "" {
		return nil, fmt.Errorf("%s has no auth_url", creds.source)
	}
	creds.region = cmp.Or(o.Region, env("OS_REGION_NAME"), entry.RegionName)
	if creds.region == "" && len(entry.Regions) == 1 {
		creds.region = entry.Regions[0].Name
	}
	creds.availability = availability(cmp.Or(env("OS_INTERFACE"), env("OS_ENDPOINT_TYPE"), entry.EndpointType, entry.Interface))
	creds.auth = authOptions(entry)
	if err := creds.complete(); err != nil {
		return nil, err
	}
	creds.tls, err = tlsConfig(entry, env)
	return creds, err
}

// environment makes an entry of the OS_* variables.
func environment(env func(string) string) clouds.Cloud {
	return clouds.Cloud{AuthInfo: &clouds.AuthInfo{
		AuthURL:                     env("OS_AUTH_URL"),
		Token:                       cmp.Or(env("OS_TOKEN"), env("OS_AUTH_TOKEN")),
		Username:                    env("OS_USERNAME"),
		UserID:                      cmp.Or(env("OS_USER_ID"), env("OS_USERID")),
		Password:                    env("OS_PASSWORD"),
		ApplicationCredentialID:     env("OS_APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialName:   env("OS_APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: env("OS_APPLICATION_CREDENTIAL_SECRET"),
		ProjectName:                 cmp.Or(env("OS_PROJECT_NAME"), env("OS_TENANT_NAME")),
		ProjectID:                   cmp.Or(env("OS_PROJECT_ID"), env("OS_TENANT_ID")),
		UserDomainName:              env("OS_USER_DOMAIN_NAME"),
		UserDomainID:                env("OS_USER_DOMAIN_ID"),
		ProjectDomainName:           env("OS_PROJECT_DOMAIN_NAME"),
		ProjectDomainID:             env("OS_PROJECT_DOMAIN_ID"),
		DomainName:                  env("OS_DOMAIN_NAME"),
		DomainID:                    env("OS_DOMAIN_ID"),
		DefaultDomain:               cmp.Or(env("OS_DEFAULT_DOMAIN"), env("OS_DEFAULT_DOMAIN_ID")),
	}}
}

// authOptions turns an entry into a request for a token. Where no domain is named it is the default one, as for the
// OpenStack clients.
func authOptions(entry clouds.Cloud) gophercloud.AuthOptions {
	a := *entry.AuthInfo
	fallback := cmp.Or(a.DefaultDomain, "default")
	o := gophercloud.AuthOptions{
		IdentityEndpoint: a.AuthURL, Username: a.Username, UserID: a.UserID, Password: a.Password, TokenID: a.Token,
		ApplicationCredentialID: a.ApplicationCredentialID, ApplicationCredentialName: a.ApplicationCredentialName,
		ApplicationCredentialSecret: a.ApplicationCredentialSecret,
	}
	o.AllowReauth = a.Token == "" // a token that ran out cannot be asked for again
	if a.Token != "" {
		o.Username, o.UserID, o.Password = "", "", ""
	}
	if o.Username != "" || o.ApplicationCredentialName != "" && o.UserID == "" {
		o.DomainID = cmp.Or(a.UserDomainID, a.DomainID)
		if o.DomainID == "" {
			o.DomainName = cmp.Or(a.UserDomainName, a.DomainName)
		}
		if o.DomainID == "" && o.DomainName == "" {
			o.DomainID = fallback
		}
	}
	if o.ApplicationCredentialID != "" {
		o.Username, o.UserID, o.DomainID, o.DomainName, o.Password = "", "", "", "", ""
	}
	o.Scope = &gophercloud.AuthScope{}
	switch {
	case o.ApplicationCredentialID != "" || o.ApplicationCredentialName != "": // they carry their project
		o.Scope = nil
	case a.TrustID != "":
		o.Scope.TrustID = a.TrustID
	case a.ProjectID != "":
		o.Scope.ProjectID = a.ProjectID
	case a.ProjectName != "":
		o.Scope.ProjectName = a.ProjectName
		o.Scope.DomainID = cmp.Or(a.ProjectDomainID, a.DomainID)
		if o.Scope.DomainID == "" {
			o.Scope.DomainName = cmp.Or(a.ProjectDomainName, a.DomainName)
		}
		if o.Scope.DomainID == "" && o.Scope.DomainName == "" {
			o.Scope.DomainID = fallback
		}
	}
	return o
}

// complete says what is missing, before Keystone is asked.
func (c *credentials) complete() error {
	o := c.auth
	application := o.ApplicationCredentialID != "" || o.ApplicationCredentialName != ""
	switch {
	case o.TokenID != "":
		return nil
	case application && o.ApplicationCredentialSecret == "":
		return fmt.Errorf("%s has an application credential without its secret (application_credential_secret)", c.source)
	case application:
		return nil
	case o.Username == "" && o.UserID == "":
		return fmt.Errorf("%s names no user: username and password, or application_credential_id and application_credential_secret", c.source)
	case o.Password == "":
		return fmt.Errorf("%s has no password for user %s: put it into clouds.yaml or secure.yaml beside it, or into OS_PASSWORD", c.source, cmp.Or(o.Username, o.UserID))
	case o.Scope.TrustID == "" && o.Scope.ProjectID == "" && o.Scope.ProjectName == "":
		return fmt.Errorf("%s names no project: project_name or project_id", c.source)
	}
	return nil
}

// who names the user, for messages; never a secret.
func (c *credentials) who() string {
	o := c.auth
	switch {
	case o.TokenID != "":
		return "the given token"
	case o.ApplicationCredentialID != "":
		return "application credential " + o.ApplicationCredentialID
	case o.ApplicationCredentialName != "":
		return "application credential " + o.ApplicationCredentialName
	}
	who := "user " + cmp.Or(o.Username, o.UserID)
	if domain := cmp.Or(o.DomainName, o.DomainID); domain != "" {
		who += " of domain " + domain
	}
	if o.Scope != nil && cmp.Or(o.Scope.ProjectName, o.Scope.ProjectID) != "" {
		who += ", project " + cmp.Or(o.Scope.ProjectName, o.Scope.ProjectID)
		if domain := cmp.Or(o.Scope.DomainName, o.Scope.DomainID); domain != "" {
			who += " of domain " + domain
		}
	}
	return who
}

// explain adds to a failed authentication what the user needs to mend it.
func (c *credentials) explain(err error) error {
	var e *providers.Error
	if !errors.As(err, &e) {
		return err
	}
	url := c.auth.IdentityEndpoint
	switch {
	case e.Status == 401 || e.Kind == providers.KindDenied || e.Status == 404 && strings.HasPrefix(e.Message, "Could not find"):
		e.Kind = providers.KindDenied
		e.Message = fmt.Sprintf("%s does not accept %s (from %s): %s; check the password or secret, the domains, and that the user has a role in the project",
			url, c.who(), c.source, e.Message)
	case e.Status == 404:
		e.Message = fmt.Sprintf("there is no Keystone v3 at %s (from %s); check the auth_url, which often ends in /v3", url, c.source)
		e.Kind = providers.KindInvalid
	case untrusted(e):
		e.Message = fmt.Sprintf("the certificate of %s (from %s) is not trusted: %s", url, c.source, e.Message)
	case e.Status == 0:
		e.Message = fmt.Sprintf("%s (from %s) cannot be reached: %s; check the auth_url, the network and any proxy", url, c.source, e.Message)
	default:
		e.Message = fmt.Sprintf("%s (from %s), %s: %s", url, c.source, c.who(), e.Message)
	}
	return e
}

func availability(word string) gophercloud.Availability {
	switch strings.TrimSuffix(word, "URL") {
	case "internal":
		return gophercloud.AvailabilityInternal
	case "admin":
		return gophercloud.AvailabilityAdmin
	default:
		return gophercloud.AvailabilityPublic
	}
}
