package machines

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers/emulator"
)

// The test binary plays three parts: the tests, the guest agent (called by that name through the machine's link) and an
// emulator that a test can kill.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == agentName:
		os.Exit(stubAgent(os.Args[1:]))
	case len(os.Args) == 5 && os.Args[1] == "play-emulator":
		os.Exit(playEmulator(os.Args[2], os.Args[3], os.Args[4]))
	}
	os.Exit(m.Run())
}

// stubAgent behaves towards its machine as the real agent does: a daemon with an engine of its own that it stops on
// TERM, and an rpc command that talks over standard streams.
func stubAgent(args []string) int {
	root := os.Getenv(rootVariable)
	switch strings.Join(args, " ") {
	case "daemon":
		return stubDaemon(root)
	case "engine": // blanks its environment, as engines that show a title do
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		note(os.Args[0]+".engine", strconv.Itoa(os.Getpid()))
		<-signals
		note(os.Args[0]+".engine", "clean")
		return 0
	case "rpc":
		_, _ = fmt.Fprintln(os.Stderr, "asked:"+os.Getenv("SSH_ORIGINAL_COMMAND"))
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			return 1
		}
		return 7
	}
	return 2
}

func stubDaemon(root string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("agent is up")
	note(filepath.Join(root, "run/agent"), strconv.Itoa(os.Getpid())+"\n"+strings.Join(os.Environ(), "\n"))
	mode, _ := os.ReadFile(filepath.Join(root, "etc/agent-mode"))
	if strings.Contains(string(mode), "deaf") {
		signal.Ignore(syscall.SIGTERM)
		select {}
	}
	var engine *exec.Cmd
	if strings.Contains(string(mode), "engine") {
		said, err := os.Create(filepath.Join(root, "var/log/engine.log"))
		if err != nil {
			return 1
		}
		engine = exec.Command(os.Args[0], "engine")
		engine.Env, engine.Stdout = []string{"NOTHING=here"}, said
		engine.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives its agent
		if err := engine.Start(); err != nil {
			return 1
		}
	}
	<-signals
	if engine != nil {
		_ = engine.Process.Signal(syscall.SIGTERM)
		_ = engine.Wait()
	}
	note(filepath.Join(root, "var/lib/agent-ended"), "clean")
	return 0
}

// note writes a whole file or none.
func note(path, text string) {
	_ = os.WriteFile(path+".new", []byte(text), 0o644)
	_ = os.Rename(path+".new", path)
}

func playEmulator(dir, address, port string) int {
	number, _ := strconv.Atoi(port)
	agent, _ := os.Executable()
	l, err := NewLocal(Options{Dir: dir, AgentBinary: agent, SSHPort: number})
	if err == nil {
		err = l.Boot(context.Background(), emulator.Machine{ID: "m1", Address: address, UserData: []byte(startsAgent)})
	}
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println("up")
	time.Sleep(time.Hour)
	return 0
}
