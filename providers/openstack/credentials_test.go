package openstack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
)

// home makes a working directory and a home directory with the given files, and gives options that see nothing else.
func home(t *testing.T, files, env map[string]string) Options {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	values := map[string]string{"HOME": filepath.Join(root, "home")}
	for name, value := range env {
		values[name] = strings.ReplaceAll(value, "ROOT", root)
	}
	return Options{Dir: filepath.Join(root, "work"), Getenv: func(name string) string { return values[name] }}
}

const twoClouds = `
clouds:
  dev: &base
    auth:
      auth_url: http://dev.example.org/v3
      username: alice
      password: 0123
      project_name: db
    region_name: R1
  prod:
    <<: *base
    auth:
      auth_url: http://prod.example.org/v3
      application_credential_id: abc
      application_credential_secret: shh
    interface: internal
`

func TestCredentialsAreFound(t *testing.T) {
	for _, c := range []struct {
		name       string
		files, env map[string]string
		cloud      string
		want       gophercloud.AuthOptions
		region     string
		side       gophercloud.Availability
	}{
		{
			name: "a named cloud of the working directory", files: map[string]string{"work/clouds.yaml": twoClouds}, cloud: "dev",
			want: gophercloud.AuthOptions{IdentityEndpoint: "http://dev.example.org/v3", Username: "alice", Password: "0123", DomainID: "default",
				AllowReauth: true, Scope: &gophercloud.AuthScope{ProjectName: "db", DomainID: "default"}},
			region: "R1", side: gophercloud.AvailabilityPublic,
		},
		{
			name: "OS_CLOUD, an application credential, the home directory", files: map[string]string{"home/.config/openstack/clouds.yaml": twoClouds},
			env: map[string]string{"OS_CLOUD": "prod"},
			want: gophercloud.AuthOptions{IdentityEndpoint: "http://prod.example.org/v3", ApplicationCredentialID: "abc", ApplicationCredentialSecret: "shh",
				AllowReauth: true},
			region: "R1", side: gophercloud.AvailabilityInternal,
		},
		{
			name: "secure.yaml wins, a profile fills gaps", cloud: "x",
			files: map[string]string{
				"work/clouds.yaml":        "clouds: {x: {profile: vendor, auth: {username: bob, password: old, project_id: p9, user_domain_name: staff}}}",
				"work/secure.yaml":        "clouds: {x: {auth: {password: new}}, y: {auth: {password: other}}}",
				"work/clouds-public.yaml": "public-clouds: {vendor: {auth: {auth_url: 'http://vendor.example.org/v3', username: nobody}, region_name: V1}}",
			},
			want: gophercloud.AuthOptions{IdentityEndpoint: "http://vendor.example.org/v3", Username: "bob", Password: "new", DomainName: "staff",
				AllowReauth: true, Scope: &gophercloud.AuthScope{ProjectID: "p9"}},
			region: "V1", side: gophercloud.AvailabilityPublic,
		},
		{
			name:  "the only cloud of a named file, the region of the environment",
			files: map[string]string{"elsewhere/c.yaml": "clouds: {one: {auth: {auth_url: 'http://one.example.org/v3', user_id: u1, password: p, project_name: db, project_domain_name: d}}}"},
			env:   map[string]string{"OS_CLIENT_CONFIG_FILE": "ROOT/elsewhere/c.yaml", "OS_REGION_NAME": "R7", "OS_INTERFACE": "admin"},
			want: gophercloud.AuthOptions{IdentityEndpoint: "http://one.example.org/v3", UserID: "u1", Password: "p", AllowReauth: true,
				Scope: &gophercloud.AuthScope{ProjectName: "db", DomainName: "d"}},
			region: "R7", side: gophercloud.AvailabilityAdmin,
		},
		{
			name: "OS_* alone, with tenant names and a token", files: map[string]string{"work/clouds.yaml": twoClouds},
			env: map[string]string{"OS_AUTH_URL": "http://env.example.org/v3", "OS_TOKEN": "tok", "OS_TENANT_NAME": "old", "OS_DEFAULT_DOMAIN": "d7"},
			want: gophercloud.AuthOptions{IdentityEndpoint: "http://env.example.org/v3", TokenID: "tok",
				Scope: &gophercloud.AuthScope{ProjectName: "old", DomainID: "d7"}},
			side: gophercloud.AvailabilityPublic,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := home(t, c.files, c.env)
			options.Cloud = c.cloud
			got, err := options.credentials()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.auth); diff != "" {
				t.Errorf("auth options (-want +got):\n%s", diff)
			}
			if got.region != c.region || got.availability != c.side {
				t.Errorf("got region %q and interface %q, want %q and %q", got.region, got.availability, c.region, c.side)
			}
		})
	}
}

func TestCredentialsThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		name       string
		files, env map[string]string
		cloud      string
		want       []string
	}{
		{name: "no file", cloud: "dev", want: []string{`cloud "dev"`, "no clouds.yaml", "work/clouds.yaml", ".config/openstack/clouds.yaml", "/etc/openstack"}},
		{name: "nothing named", want: []string{"no cloud is named", "OS_CLOUD", "OS_AUTH_URL"}},
		{name: "several clouds, none named", files: map[string]string{"work/clouds.yaml": twoClouds}, want: []string{"dev, prod", "OS_CLOUD"}},
		{name: "unknown cloud", files: map[string]string{"work/clouds.yaml": twoClouds}, cloud: "stage", want: []string{`no cloud "stage"`, "dev, prod"}},
		{name: "not YAML", files: map[string]string{"work/clouds.yaml": "clouds:\n  x: {auth: {password: hunter2\n"}, cloud: "x", want: []string{"is not YAML", "line"}},
		{name: "no clouds in it", files: map[string]string{"work/clouds.yaml": "cloud: {}"}, cloud: "x", want: []string{`no "clouds" section`}},
		{name: "a cloud that is a text", files: map[string]string{"work/clouds.yaml": "clouds: {x: hunter2}"}, cloud: "x", want: []string{`cloud "x" is not a mapping`}},
		{name: "no auth section", files: map[string]string{"work/clouds.yaml": "clouds: {x: {region_name: R}}"}, cloud: "x", want: []string{"has no auth_url"}},
		{name: "wrong type", files: map[string]string{"work/clouds.yaml": "clouds: {x: {auth: {password: [hunter2]}}}"}, cloud: "x", want: []string{"wrong type"}},
		{name: "unknown profile", files: map[string]string{"work/clouds.yaml": "clouds: {x: {profile: vendor}}"}, cloud: "x", want: []string{`profile "vendor"`, "clouds-public.yaml"}},
		{name: "half an application credential", cloud: "x", want: []string{"without its secret"},
			files: map[string]string{"work/clouds.yaml": "clouds: {x: {auth: {auth_url: 'http://a', application_credential_id: abc}}}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := home(t, c.files, c.env)
			options.Cloud = c.cloud
			_, err := options.credentials()
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func FuzzCloudsYAML(f *testing.F) {
	f.Add(twoClouds)
	f.Add("clouds: &a {x: *a}")
	f.Add("clouds: {x: {auth: null, regions: [{name: r, values: {region_name: 3}}], verify: no}}")
	f.Fuzz(func(t *testing.T, text string) {
		options := home(t, map[string]string{"work/clouds.yaml": text}, nil)
		for _, name := range []string{"", "x"} {
			options.Cloud = name
			_, _ = options.credentials()
		}
	})
}
