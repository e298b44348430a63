package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cut TEXT COMMAND...: runs the command and kills it (SIGKILL) as soon as a line of its output holds the text.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: cut TEXT COMMAND...")
	}
	cmd := exec.Command(filepath.Join(binaries, args[1]), args[2:]...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), scriptEnv(ts)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	cmd.Stderr = cmd.Stdout
	ts.Check(cmd.Start())
	var seen strings.Builder
	found := false
	for lines := bufio.NewScanner(out); !found && lines.Scan(); {
		_, _ = fmt.Fprintln(&seen, lines.Text())
		found = strings.Contains(lines.Text(), args[0])
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !found {
		ts.Fatalf("%q was never said:\n%s", args[0], seen.String())
	}
}
