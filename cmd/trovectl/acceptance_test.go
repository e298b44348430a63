package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/zclconf/go-cty/cty"
	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/providers/openstack"
)

// An acceptance run takes the scripts to a cloud that is not the emulator. It is asked for by the environment:
//
//	TROVE_ACCEPTANCE_CLOUD   entries of clouds.yaml, with commas between; each script has one for itself while it runs.
//	                         "a+b": b is another project, for the scripts that need two
//	TROVE_ACCEPTANCE_VARS    the file of variables that describes the cloud, as testdata/emulator.trovevars.hcl does
//	TROVE_ACCEPTANCE_GUESTS  the folder of the stand-ins, if the guests are such: who has it has a shell in every guest
type acceptance struct {
	clouds chan string // those that no script has
	file   string      // clouds.yaml
	guests string
	second bool
	ran    sync.Map // names of scripts
}

// onCloud is nil when the scripts run on the emulator.
var onCloud *acceptance

// openAcceptance reads the environment.
func openAcceptance() error {
	names := os.Getenv("TROVE_ACCEPTANCE_CLOUD")
	if names == "" {
		return nil
	}
	file, err := cloudsFile()
	if err != nil {
		return err
	}
	all := strings.Split(names, ",")
	a := &acceptance{clouds: make(chan string, len(all)), file: file, guests: os.Getenv("TROVE_ACCEPTANCE_GUESTS"), second: true}
	for _, name := range all {
		a.clouds <- name
		a.second = a.second && strings.Contains(name, "+")
	}
	onCloud = a
	return nil
}

// cloudsFile is the clouds.yaml that OpenStack's clients would read here: the scripts run elsewhere.
func cloudsFile() (string, error) {
	home, err := os.UserConfigDir()
	if err != nil {
		home = "/etc"
	}
	for _, file := range []string{
		os.Getenv("OS_CLIENT_CONFIG_FILE"), "../../clouds.yaml", filepath.Join(home, "openstack", "clouds.yaml"), "/etc/openstack/clouds.yaml",
	} {
		if _, err := os.Stat(file); file != "" && err == nil {
			return filepath.Abs(file)
		}
	}
	return "", errors.New("there is no clouds.yaml: name it in OS_CLIENT_CONFIG_FILE")
}

// condition answers the scripts' own conditions:
// [emulator] the cloud is the emulator; [shell] the tests can get into a guest; [second] there is another project.
func condition(name string) (bool, error) {
	switch name {
	case "emulator":
		return onCloud == nil, nil
	case "shell":
		return onCloud == nil || onCloud.guests != "", nil
	case "second":
		return onCloud == nil || onCloud.second, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

var conditional = regexp.MustCompile(`^(?:\[!?[a-z]+\] )+`)

// reportLeftOut says what an acceptance run did not do.
func reportLeftOut(out io.Writer) error {
	if onCloud == nil {
		return nil
	}
	var scripts []string
	onCloud.ran.Range(func(name, _ any) bool {
		scripts = append(scripts, filepath.Join("testdata/script", name.(string)+".txtar"))
		return true
	})
	slices.Sort(scripts)
	_, _ = fmt.Fprintf(out, "%d scripts. Of them was left out on this cloud:\n", len(scripts))
	return leftOut(out, scripts)
}

// leftOut tells of every script which of its lines were not run, and why.
func leftOut(out io.Writer, scripts []string) error {
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			return err
		}
		for number, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "-- ") {
				break
			}
			words := conditional.FindString(line)
			if words == "" {
				continue
			}
			holds := true
			for _, word := range strings.Fields(words) {
				word, not := strings.CutPrefix(strings.Trim(word, "[]"), "!")
				yes, err := condition(word)
				if err != nil {
					return err
				}
				holds = holds && yes != not
			}
			if stops := strings.HasPrefix(line[len(words):], "stop"); holds == stops {
				_, _ = fmt.Fprintf(out, "  %s:%d: %s\n", filepath.Base(script), number+1, line)
				if stops {
					break
				}
			}
		}
	}
	return nil
}

// variables are the values of a file of variables, as TROVE_VAR_* takes them.
func variables(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parsed, diags := hclsyntax.ParseConfig(text, file, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	attributes, diags := parsed.Body.JustAttributes()
	if diags.HasErrors() {
		return nil, diags
	}
	values := map[string]string{}
	for name, attribute := range attributes {
		value, diags := attribute.Expr.Value(nil)
		if diags.HasErrors() {
			return nil, diags
		}
		if value.Type() == cty.String {
			values[name] = value.AsString()
			continue
		}
		values[name] = string(attribute.Expr.Range().SliceBytes(text))
	}
	if values["images"] == "" && values["image"] != "" {
		values["images"] = fmt.Sprintf(`{"10.11" = %q}`, values["image"])
	}
	return values, nil
}

// place is where one script runs.
type place struct {
	entries string // clouds.yaml as it is; the script may use another
	first   string
	second  string // an entry for another project; "": the first one's with project alt_demo
	before  belongings
}

type placeKey struct{}

// settle puts the script on its cloud: the emulator, which it starts itself, or one that is there.
func settleIn(env *testscript.Env) (*place, error) {
	if onCloud == nil {
		dir := env.Getenv("CLOUD")
		return &place{first: "dev", entries: filepath.Join(dir, "clouds.yaml")}, nil
	}
	script, begun := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"), time.Now()
	onCloud.ran.Store(script, true)
	p := &place{entries: onCloud.file}
	name := <-onCloud.clouds
	p.first, p.second, _ = strings.Cut(name, "+")
	env.Setenv("CLOUD", onCloud.guests)
	for _, pass := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSH_AUTH_SOCK"} {
		env.Setenv(pass, os.Getenv(pass))
	}
	var err error
	if p.before, err = p.look(); err == nil && len(p.before.ours) > 0 {
		err = fmt.Errorf("the projects of %s hold what an earlier run or somebody else made with trovectl: %s. The tests want projects of their own: "+
			"remove it, or name others", name, strings.Join(slices.Sorted(maps.Keys(p.before.ours)), ", "))
	}
	if err != nil {
		onCloud.clouds <- name
		return nil, err
	}
	env.Defer(func() {
		defer func() { onCloud.clouds <- name }()
		err := p.leave()
		fmt.Printf("  %-20s %4.0f s on %s\n", script, time.Since(begun).Seconds(), p.first) // one may wait long for the next
		if err != nil {
			panic(fmt.Sprintf("cleaning up after %s: %v", env.WorkDir, err))
		}
	})
	return p, nil
}

// clouds NAME=KIND...: writes a clouds.yaml of the script's own, and uses it from now on.
// KIND: first (the script's cloud), second (another project of it), wrong (with wrong credentials), away (nobody answers),
// nowhere (its name cannot be resolved).
func cloudsYAML(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: clouds NAME=KIND...")
	}
	entries := map[string]any{}
	for _, arg := range args {
		name, kind, _ := strings.Cut(arg, "=")
		entry, err := ts.Value(placeKey{}).(*place).entry(kind)
		ts.Check(err)
		entries[name] = entry
	}
	text, err := yaml.Marshal(map[string]any{"clouds": entries})
	ts.Check(err)
	file := ts.MkAbs("clouds.yaml")
	ts.Check(os.WriteFile(file, text, 0o600))
	ts.Setenv("OS_CLIENT_CONFIG_FILE", file)
}

func (p *place) entry(kind string) (map[string]any, error) {
	text, err := os.ReadFile(p.entries)
	if err != nil {
		return nil, err
	}
	var all struct {
		Clouds map[string]map[string]any `yaml:"clouds"`
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	name := p.first
	if kind == "second" {
		name = cmp.Or(p.second, p.first)
	}
	entry, auth := all.Clouds[name], map[string]any{}
	if entry == nil {
		return nil, fmt.Errorf("%s has no cloud %s", p.entries, name)
	}
	if given, is := entry["auth"].(map[string]any); is {
		auth = given
	}
	switch kind {
	case "first":
	case "second":
		if p.second == "" {
			auth["project_name"] = "alt_demo"
		}
	case "wrong":
		for _, secret := range []string{"password", "application_credential_secret"} {
			if auth[secret] != nil {
				auth[secret] = "wrong"
			}
		}
	case "nowhere":
		auth["auth_url"] = "http://nowhere.invalid/v3"
	case "away":
		auth["auth_url"] = "http://127.0.0.1:9/v3"
	default:
		return nil, fmt.Errorf("unknown kind of cloud %q", kind)
	}
	return entry, nil
}

// options open an entry as it is in clouds.yaml, whatever the script did to its own.
func (p *place) options(entry string) openstack.Options {
	return openstack.Options{Cloud: entry, Getenv: func(key string) string {
		if key == "OS_CLIENT_CONFIG_FILE" {
			return p.entries
		}
		return ""
	}}
}

// patience is how long a cloud may take to remove what it was asked to remove.
const patience = 3 * time.Minute

// look lists what the script's projects hold.
func (p *place) look() (belongings, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all := belongings{objects: map[string]bool{}, ours: map[string]remove{}}
	for _, entry := range p.projects() {
		cloud, err := openstack.Open(ctx, p.options(entry))
		if err != nil {
			return all, err
		}
		if err := all.add(ctx, cloud); err != nil {
			return all, err
		}
	}
	return all, nil
}

// projects are the entries that the script may use.
func (p *place) projects() []string {
	if p.second == "" {
		return []string{p.first}
	}
	return []string{p.first, p.second}
}

// serverIDs are the servers of the script's projects.
func (p *place) serverIDs(ts *testscript.TestScript) map[string]bool {
	all := map[string]bool{}
	for _, entry := range p.projects() {
		cloud, err := openstack.Open(context.Background(), p.options(entry))
		ts.Check(err)
		servers, err := cloud.Servers.List(context.Background())
		ts.Check(err)
		for _, s := range servers {
			all[s.ID] = true
		}
	}
	return all
}
