package amqptest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// A keeper is the shell that started a node and its port mapper. It ends them, and deletes the directory, when its
// standard input ends, which the end of the test process brings about too, whatever ended that.
type keeper struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended string // file that is there once the node has ended
}

// The node runs in a process group of its own, so that everything it started ends with it.
const keeperScript = `
set -m
dir=$1 server=$2
rm -f "$dir/ended"
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
epmd=$!
{ "$server"; touch "$dir/ended"; } </dev/null >"$dir/log/console" 2>&1 &
node=$!
read -r order
kill -KILL -- "-$node" "-$epmd" 2>/dev/null
wait 2>/dev/null
[ "$order" = keep ] || rm -rf "$dir"
`

func keep(dir string, environment []string) (*keeper, error) {
	cmd := exec.Command("/bin/bash", "-c", keeperScript, "bash", dir, filepath.Join(sbin(), "rabbitmq-server"))
	cmd.Env = environment
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is the tests' business first
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the node's shell: %w", err)
	}
	return &keeper{cmd, stdin, filepath.Join(dir, "ended")}, nil
}

func (k *keeper) nodeEnded() bool {
	_, err := os.Stat(k.ended)
	return err == nil
}

// kill ends the node and leaves its directory.
func (k *keeper) kill() {
	if k == nil {
		return
	}
	_, _ = io.WriteString(k.stdin, "keep\n") // a shell that is gone already has done its work
	_ = k.stdin.Close()
	_ = k.cmd.Wait()
}

// listenLow listens at a port below those that the kernel gives to clients, so that none takes it between two lives of a
// broker.
func listenLow() (net.Listener, error) {
	const low, high, tries = 10000, 32000, 100
	var last error
	for range tries {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", low+rand.IntN(high-low)))
		if err == nil {
			return listener, nil
		}
		last = err
	}
	return nil, errors.Join(errors.New("no port is free"), last)
}
