package bootstrap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/unit"
)

// program stands for the agent: it leaves a word that it ran.
const program = "#!/bin/sh\necho \"$1\" >\"$TROVE_GUEST_ROOT/ran\"\n"

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// stock is a root with what user-data writes for a stock image.
func stock(t *testing.T) string {
	t.Helper()
	g := example()
	g.Packages, g.AgentSHA256 = []string{"mariadb-server"}, digestOf(program)
	doc := read(t, render(t, g))
	root := t.TempDir()
	for _, f := range doc.WriteFiles {
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, f.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "home", guest.AgentUser), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func inbox(root string) string { return filepath.Join(root, "home", guest.AgentUser, "agent") }

// ask runs the forced command as sshd does.
func ask(t *testing.T, root, command, input string) (said, complained string, exit int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", filepath.Join(root, guest.AgentPath), "rpc")
	cmd.Env = append(os.Environ(), "TROVE_GUEST_ROOT="+root, "SSH_ORIGINAL_COMMAND="+command)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	var status *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestStockImage_takesTheAgentOnce(t *testing.T) {
	root := stock(t)
	if _, why, exit := ask(t, root, "rpc", ""); exit != 69 || !strings.Contains(why, "not delivered yet") {
		t.Errorf("a request before the delivery: %d %s", exit, why)
	}
	machine, err := exec.Command("uname", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	wants := fmt.Sprintf("wants %s %s\n", strings.TrimSpace(string(machine)), digestOf(program))
	for name, input := range map[string]string{
		"nothing": "", "no size": "x\n" + program, "cut short": fmt.Sprintf("%d\n%s", len(program), program[:9]),
		"something else": fmt.Sprintf("%d\n%s", len(program), strings.ToUpper(program)),
	} {
		said, _, _ := ask(t, root, "deliver", input)
		if said != wants {
			t.Errorf("%s: it says %q, want %q", name, said, wants)
		}
		left, err := filepath.Glob(inbox(root) + "*")
		if err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v, %v", name, left, err)
		}
	}
	if said, why, exit := ask(t, root, "deliver", fmt.Sprintf("%d\n%s", len(program), program)); said != wants+"taken\n" || exit != 0 {
		t.Errorf("it says %q %q and ends with %d", said, why, exit)
	}
	if _, why, exit := ask(t, root, "rpc", ""); exit != 75 || !strings.Contains(why, "packages") {
		t.Errorf("a request after the delivery: %d %s", exit, why)
	}
}

// TestStockImage_becomesTheAgent: the service waits, does not take what somebody else laid there, and becomes the agent.
func TestStockImage_becomesTheAgent(t *testing.T) {
	root := stock(t)
	if err := os.WriteFile(inbox(root), []byte("#!/bin/sh\necho evil >$TROVE_GUEST_ROOT/ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	service := exec.Command("/bin/sh", filepath.Join(root, guest.AgentPath), "daemon")
	service.Env = append(os.Environ(), "TROVE_GUEST_ROOT="+root)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	defer func() { _ = service.Process.Kill() }()
	if said, why, exit := ask(t, root, "deliver", fmt.Sprintf("%d\n%s", len(program), program)); exit != 0 {
		t.Fatalf("%q %q %d", said, why, exit)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the service does not take the agent")
	}
	ran, err := os.ReadFile(filepath.Join(root, "ran"))
	if err != nil || string(ran) != "daemon\n" {
		t.Errorf("what ran says %q, %v", ran, err)
	}
	now, err := os.ReadFile(filepath.Join(root, guest.AgentPath))
	if err != nil || string(now) != program {
		t.Errorf("in its place is %q, %v", now, err)
	}
}

// TestUserData_stockImage: the packages come before the service, which a stock image lacks.
func TestUserData_stockImage(t *testing.T) {
	g := example()
	g.Packages = []string{"mariadb-server", "mariadb-backup"}
	data := string(render(t, g))
	for _, line := range []string{"package_update: true", "  - mariadb-server", "  - mariadb-backup", "path: " + unit.Path, "path: /" + guest.AgentPath} {
		if !strings.Contains(data, line+"\n") {
			t.Errorf("%q is missing in\n%s", line, data)
		}
	}
	g.Packages = nil
	if data = string(render(t, g)); strings.Contains(data, "package") || strings.Contains(data, unit.Path) {
		t.Errorf("an image with an agent gets more:\n%s", data)
	}
	if bootstrap.MaxUserData < 2*len(data) {
		t.Errorf("it has %d bytes", len(data))
	}
}
