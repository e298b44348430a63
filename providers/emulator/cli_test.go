package emulator_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers/emulator"
)

// session is what a person types into the OpenStack command-line client, one line each, with what it prints: the values
// that were asked for, a space between. Of a deletion it prints nothing.
var session = []struct{ typed, printed string }{
	{"image list -f value -c Name -c Status", "mariadb-10.11 active"},
	{"flavor show db.tiny -f value -c ram -c vcpus", "256 1"},
	{"network list -f value -c Name --sort-column Name", "private public"},
	{"volume create --size 1 --type ssd --property colour=red data -f value -c name -c size -c type", "data 1 ssd"},
	{"volume set --size 2 --property shape=round data", ""},
	{"volume show data -f value -c properties -c size -c status", "{'colour': 'red', 'shape': 'round'} 2 available"},
	{"port create --network private --description mark entry -f value -c name -c description -c status", "mark entry DOWN"},
	{"server create --image mariadb-10.11 --flavor db.tiny --port entry --property role=db --wait db1 -f value -c name -c status", "db1 ACTIVE"},
	{"server add volume db1 data -f value -c Device", "/dev/vdb"},
	{"server list -f value -c Name -c Status -c Flavor", "db1 ACTIVE db.tiny"},
	{"server show db1 -f value -c properties", "{'role': 'db'}"},
	{"port show entry -f value -c status -c device_owner", "compute:az1 ACTIVE"},
	{"volume list -f value -c Name -c Status", "data in-use"},
	{"server remove volume db1 data", ""},
	{"server stop db1", ""},
	{"server delete --wait db1", ""},
	{"server list -f value -c Name", ""},
	{"port delete entry", ""},
	{"port list -f value -c Name", ""},
	{"volume delete data", ""},
	{"image create --disk-format raw --container-format bare --file FILE --property kind=test small -f value -c name", "small"},
	{"image show small -f value -c size -c status", "15 active"},
	{"image delete small", ""},
	{"container create box -f value -c container", "box"},
	{"object create box FILE --name deep/note.txt -f value -c object", "deep/note.txt"},
	{"object list box -f value -c Name", "deep/note.txt"},
	{"object show box deep/note.txt -f value -c content-length", "15"},
	{"object save box deep/note.txt --file SAVED", ""},
	{"object delete box deep/note.txt", ""},
	{"container delete box", ""},
	{"container list -f value -c Name", ""},
	{"security group create --description mark sg -f value -c name", "sg"},
	{"security group rule create --protocol tcp --dst-port 3306 --remote-ip 10.0.0.0/8 sg -f value -c port_range_min", "3306"},
	{"security group delete sg", ""},
}

// TestOpenStackClient runs the OpenStack command-line client, unmodified, over one session. One start serves all commands:
// it takes seconds.
func TestOpenStackClient(t *testing.T) {
	program, err := exec.LookPath("openstack")
	if err != nil {
		t.Fatalf("the OpenStack command-line client is not installed (python3-openstackclient; make deps installs it): %v", err)
	}
	c := open(t, emulator.Options{})
	dir := t.TempDir()
	file, saved := filepath.Join(dir, "note.txt"), filepath.Join(dir, "saved.txt")
	if err := os.WriteFile(file, []byte("fifteen letters"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteCloudsYAML(filepath.Join(dir, "clouds.yaml")); err != nil {
		t.Fatal(err)
	}
	// After each command one that always prints the same, so that it is known which answer belongs to which.
	const fence = "flavor show db.large -f value -c name"
	var typed strings.Builder
	for _, line := range session {
		typed.WriteString(strings.NewReplacer("FILE", file, "SAVED", saved).Replace(line.typed) + "\n" + fence + "\n")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(typed.String())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "OS_CLIENT_CONFIG_FILE=" + filepath.Join(dir, "clouds.yaml"), "OS_CLOUD=dev", "LC_ALL=C.UTF-8"}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Errorf("the client: %v", err)
	}
	if problems.Len() > 0 {
		t.Errorf("the client complains:\n%s", problems.String())
	}
	answers := strings.Split(out.String(), "db.large")
	for i, line := range session {
		if i >= len(answers) {
			t.Fatalf("no answer to %q", line.typed)
		}
		printed := strings.Join(strings.Fields(strings.ReplaceAll(answers[i], "(openstack)", "")), " ")
		if diff := cmp.Diff(line.printed, printed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line.typed, diff)
		}
	}
	if text, err := os.ReadFile(saved); err != nil || string(text) != "fifteen letters" {
		t.Errorf("the object came back as %q, %v", text, err)
	}
}
