package emulator_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

// TestMain serves a cloud in the directory that a parent test names, until it is killed.
func TestMain(m *testing.M) {
	dir := os.Getenv("EMULATOR_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	srv, err := emulator.Open(emulator.Options{Dir: dir, Listen: "127.0.0.1:0", BuildDelay: time.Minute})
	if err == nil {
		err = srv.WriteCloudsYAML(dir + "/clouds.yaml")
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(srv.Endpoint())
	select {}
}

// TestKilledProcess kills a serving process; all that it had answered must still be there.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "EMULATOR_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	must(t, out, err)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if must(t, line, err); !strings.HasPrefix(line, "http://") {
		t.Fatalf("the process said %q", line)
	}
	c := &cloud{}
	c.connectTo(t, dir+"/clouds.yaml")
	built, err := c.createServer(t, "orders", c.port(t, "orders").ID, "")
	must(t, built, err)
	wanted := []string{}
	for i := range 20 {
		wanted = append(wanted, c.port(t, fmt.Sprint(i)).ID)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed: that is its error

	c = open(t, emulator.Options{Dir: dir})
	for _, id := range wanted {
		if _, err := ports.Get(t.Context(), c.network, id).Extract(); err != nil {
			t.Errorf("port %s: %v", id, err)
		}
	}
	c.waitServer(t, built.ID, "ACTIVE")
	if err := servers.Delete(t.Context(), c.compute, built.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, built.ID, "gone")
}
