package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/trovectl/trovectl/providers/emulator"
)

// The transcripts in testdata/client are what a person types into the OpenStack command-line client and what it prints. They
// were recorded on a real OpenStack; the same lines must come from the emulator. To record them again, where OS_CLIENT_CONFIG_FILE
// names a project of its own in a real cloud:
//
//	go test ./providers/emulator -run TestOpenStackClient -cloud CLOUD -names NETWORK=mgmt,IMAGE=tiny,TYPE=nfs,ZONE=nova -record
var (
	realCloud = flag.String("cloud", "", "play the transcripts on this cloud of clouds.yaml instead of on the emulator; on CLOUD-pw with the user's password")
	realNames = flag.String("names", "", "what NETWORK, IMAGE, TYPE, ZONE, FLAVOR and BIGGER are there")
	record    = flag.Bool("record", false, "write what the client prints into the transcripts")
)

// A step is one line that is typed. A step that waits is typed again until it prints what is wanted.
type step struct {
	typed, keep string // keep: the variable that takes what is printed, empty for none
	wait        bool
	want        []string
	above       []string // comments and empty lines
}

// readTranscript also tells what the client's environment says, in lines such as "# env OS_COMPUTE_API_VERSION=2.79".
func readTranscript(t *testing.T, path string) (steps []step, env []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	must(t, raw, err)
	var above []string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		typed, isStep := strings.CutPrefix(line, "$ ")
		switch {
		case isStep:
			s := step{typed: typed, above: above}
			s.typed, s.wait = strings.CutPrefix(s.typed, "until ")
			if name, rest, ok := strings.Cut(s.typed, " = "); ok {
				s.keep, s.typed = name, rest
			}
			steps, above = append(steps, s), nil
		case line == "" || strings.HasPrefix(line, "#"):
			above = append(above, line)
			if v, ok := strings.CutPrefix(line, "# env "); ok {
				env = append(env, v)
			}
		default:
			last := &steps[len(steps)-1]
			last.want = append(last.want, line)
		}
	}
	return steps, env
}

func writeTranscript(t *testing.T, path string, steps []step) {
	t.Helper()
	var b strings.Builder
	for _, s := range steps {
		for _, line := range s.above {
			b.WriteString(line + "\n")
		}
		b.WriteString("$ ")
		if s.wait {
			b.WriteString("until ")
		}
		if s.keep != "" {
			b.WriteString(s.keep + " = ")
		}
		b.WriteString(s.typed + "\n")
		for _, line := range s.want {
			b.WriteString(line + "\n")
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqjVCSmUCyA0cXuBQf1Ty6jdmL5P2UmFIXf2PBf1NaY mine\n"

// player is a client that runs, and what the names in the transcripts stand for.
type player struct {
	t        *testing.T
	in       io.Writer
	out      *bufio.Reader
	names    map[string]string
	patience time.Duration // how long a step is typed again
}

// startClient starts the OpenStack command-line client, unmodified, on a cloud. One start serves a whole transcript: it takes a second.
func startClient(t *testing.T, config string, names map[string]string, env []string) *player {
	t.Helper()
	program, err := exec.LookPath("openstack")
	if err != nil {
		t.Fatalf("the OpenStack command-line client is not installed (python3-openstackclient; make deps installs it): %v", err)
	}
	patience := 20 * time.Second
	if *realCloud != "" {
		patience = 3 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 25*patience) // the cleanup ends it
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = t.TempDir()
	for name, text := range map[string]string{"note.txt": "fifteen letters", "key.pub": publicKey} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "OS_CLIENT_CONFIG_FILE=" + config, "OS_CLOUD=" + names["CLOUD"],
		"LC_ALL=C.UTF-8", "PYTHONUNBUFFERED=1",
	}
	cmd.Env = append(cmd.Env, env...)
	in, err := cmd.StdinPipe()
	must(t, in, err)
	out, err := cmd.StdoutPipe()
	must(t, out, err)
	cmd.Stderr = cmd.Stdout // in the order in which the client writes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the client ends with its input
		if err := cmd.Wait(); err != nil && ctx.Err() != nil {
			t.Errorf("the client: %v", err)
		}
		cancel()
	})
	return &player{t: t, in: in, out: bufio.NewReader(out), names: names, patience: patience}
}

// fence is printed by the client's shell after each command, so that it is known which lines belong to which.
const fence = "----8<----"

func (p *player) send(typed string) []string {
	p.t.Helper()
	for name, value := range p.names {
		typed = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(typed, value)
	}
	if _, err := fmt.Fprintf(p.in, "%s\n!echo '%s'\n", typed, fence); err != nil {
		p.t.Fatalf("typing %q: %v", typed, err)
	}
	var lines []string
	secret := false
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			p.t.Fatalf("no answer to %q: %v", typed, err)
		}
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutSuffix(line, fence); ok {
			if rest != "" {
				lines = append(lines, rest)
			}
			return lines
		}
		if strings.HasPrefix(line, "-----END") {
			secret = false
		}
		if !secret && strings.TrimSpace(line) != "" {
			lines = append(lines, strings.TrimRight(line, " "))
		}
		if strings.HasPrefix(line, "-----BEGIN") {
			secret = true // the lines of a private key
		}
	}
}

// Whatever differs from one run to the next, and from one cloud to the other.
var passing = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`req-[0-9a-f-]{36}`), "REQUEST"},
	{regexp.MustCompile(`tx[0-9a-f]{21}-[0-9a-f]{10}[-a-zA-Z0-9]*`), "REQUEST"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\bfa:16:3e(:[0-9a-f]{2}){3}\b`), "MAC"},
	{regexp.MustCompile(`\bhttps?://[^ '",<>]+`), "URL"},
	{regexp.MustCompile(`\b([0-9a-f]{56}|[0-9a-f]{128})\b`), "HASH"},
	{regexp.MustCompile(`\b[0-9a-zA-Z_-]{64,}`), "SECRET"},
	{regexp.MustCompile(`("adminPass": )"\w+"`), "$1\"SECRET\""},
	{regexp.MustCompile(`\b(AUTH_)?[0-9a-f]{32}\b`), "HEX"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{6})?(\+\d\d:?\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b(10\.77\.0|127\.66\.\d+)\.\d+\b`), "ADDRESS"},
}

// sorted writes JSON with its keys in order.
func sorted(lines []string) []string {
	var v any
	if json.Unmarshal([]byte(strings.Join(lines, "\n")), &v) != nil {
		return lines
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(v) != nil {
		return lines
	}
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}

// plain replaces in what was printed all that passes, and what the names stand for by the names.
func (p *player) plain(lines []string) []string {
	out := make([]string, len(lines))
	values := map[string]string{}
	for name, value := range p.names {
		values[value] = name
	}
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		for _, one := range passing {
			line = one.pattern.ReplaceAllString(line, one.name)
		}
		for value, name := range values {
			line = regexp.MustCompile(`(^|[^\w.-])`+regexp.QuoteMeta(value)+`($|[^\w.-])`).ReplaceAllString(line, "${1}"+name+"${2}")
		}
		out[i] = line
	}
	return out
}

// fits compares what was printed with what is wanted. In a wanted line "<any>" stands for any text, a line "..." for any lines.
func fits(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == "..." {
		return fits(want[1:], got) || len(got) > 0 && fits(want, got[1:])
	}
	if len(got) == 0 {
		return false
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want[0]), "<any>", ".*")
	return regexp.MustCompile("^"+pattern+"$").MatchString(got[0]) && fits(want[1:], got[1:])
}

// play types a step and tells what was printed.
func (p *player) play(s step) []string {
	p.t.Helper()
	lines := sorted(p.send(s.typed))
	for deadline := time.Now().Add(p.patience); s.wait && !fits(s.want, p.plain(lines)) && time.Now().Before(deadline); {
		lines = sorted(p.send(s.typed))
	}
	if s.keep != "" {
		p.names[s.keep] = strings.Join(lines, " ")
	}
	return p.plain(lines)
}

// clientOf starts a client on the real cloud, or on a new emulator, with an application credential or the user's password.
func clientOf(t *testing.T, credential bool, env []string) *player {
	t.Helper()
	names := map[string]string{
		"NETWORK": "private", "IMAGE": "mariadb-10.11", "TYPE": "ssd", "ZONE": "az1", "FLAVOR": "db.small", "BIGGER": "db.medium",
		"CLOUD": "embedded", "OWNER": "demo",
	}
	if *realCloud != "" {
		names["CLOUD"], names["OWNER"] = *realCloud, *realCloud
		for _, one := range strings.FieldsFunc(*realNames, func(r rune) bool { return r == ',' }) {
			name, value, _ := strings.Cut(one, "=")
			names[name] = value
		}
		if !credential {
			names["CLOUD"] += "-pw"
		}
		return startClient(t, os.Getenv("OS_CLIENT_CONFIG_FILE"), names, env)
	}
	c := open(t, emulator.Options{BuildDelay: time.Second, VolumeDelay: 100 * time.Millisecond})
	auth := fmt.Sprintf("{auth_url: %q, username: demo, password: %q, project_name: demo, user_domain_name: Default, project_domain_name: Default}",
		c.Endpoint()+"/identity/v3", c.Password())
	if credential {
		user, err := tokens.Get(t.Context(), c.identity, c.provider.Token()).ExtractUser()
		must(t, user, err)
		ac, err := applicationcredentials.Create(t.Context(), c.identity, user.ID, applicationcredentials.CreateOpts{Name: "trovectl"}).Extract()
		must(t, ac, err)
		auth = fmt.Sprintf("{auth_url: %q, application_credential_id: %q, application_credential_secret: %q}\n    auth_type: v3applicationcredential",
			c.Endpoint()+"/identity/v3", ac.ID, ac.Secret)
	}
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	text := "clouds:\n  embedded:\n    region_name: RegionOne\n    auth: " + auth + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startClient(t, path, names, env)
}

// TestOpenStackClient plays the transcripts.
func TestOpenStackClient(t *testing.T) {
	paths, err := filepath.Glob("testdata/client/*.txt")
	if must(t, paths, err); len(paths) == 0 {
		t.Fatal("no transcripts")
	}
	for _, path := range paths {
		if *realCloud != "" && strings.Contains(path, "embedded") {
			continue // what the real one has not got
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			steps, env := readTranscript(t, path)
			p := clientOf(t, strings.Contains(path, "credential"), env)
			for i, s := range steps {
				got := p.play(s)
				if fits(s.want, got) {
					continue
				}
				if *record && !s.wait {
					steps[i].want = got
					writeTranscript(t, path, steps)
					continue
				}
				t.Errorf("%s (-want +got):\n%s", s.typed, cmp.Diff(s.want, got))
			}
		})
	}
}

// TestClientCommandsAreListed compares the documentation's list of commands with what the transcripts type.
func TestClientCommandsAreListed(t *testing.T) {
	page, err := os.ReadFile("../../website/embedded-openstack.md")
	must(t, page, err)
	_, section, found := strings.Cut(string(page), "## The openstack client")
	if !found {
		t.Fatal("the section is not there")
	}
	listed := map[string]bool{} // whether it was typed
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for i, text := range strings.Split(line, "`") {
			if i%2 == 1 {
				listed[text] = false
			}
		}
	}
	paths, err := filepath.Glob("testdata/client/*.txt")
	must(t, paths, err)
	for _, path := range paths {
		steps, _ := readTranscript(t, path)
		for _, s := range steps {
			known := false
			for command := range listed {
				if strings.HasPrefix(s.typed+" ", command+" ") {
					listed[command], known = true, true
				}
			}
			if !known {
				t.Errorf("%s types %q, which the documentation does not list", path, s.typed)
			}
		}
	}
	for command, typed := range listed {
		if !typed {
			t.Errorf("the documentation lists %q, which no transcript types", command)
		}
	}
}
