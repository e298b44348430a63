package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// TestMain is the server too: copied to a file named mysqld, the test's own binary takes a server's arguments, makes a data
// directory, checks option files, writes its pid file and ends when it is told to, as the manual says. It knows no SQL.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "mysqld" {
		os.Exit(standIn(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func standIn(arguments []string) int {
	given := map[string]string{}
	for _, a := range arguments {
		name, value, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		given[name] = value
	}
	if _, ok := given["version"]; ok {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "version"))
		fmt.Print(string(text))
		return exitCode(err)
	}
	if _, ok := given["initialize-insecure"]; ok {
		entries, err := os.ReadDir(given["datadir"])
		if err != nil || len(entries) > 0 || given["user"] == "" && os.Geteuid() == 0 {
			fmt.Fprintln(os.Stderr, "[ERROR] [MY-010457] [Server] --initialize specified but the data directory has files in it.")
			return 1
		}
		return exitCode(errors.Join(os.WriteFile(filepath.Join(given["datadir"], "mysql.ibd"), nil, 0o640), os.Mkdir(filepath.Join(given["datadir"], "mysql"), 0o750)))
	}
	options, err := included(given["defaults-file"])
	if _, ok := given["validate-config"]; ok {
		if bytes.Contains(options, []byte(`max_connections = "77777"`)) {
			fmt.Fprintln(os.Stderr, "2026-11-21T20:00:00.000000Z 0 [ERROR] [MY-000067] [Server] unknown variable 'max_connections=77777'.")
			err = errors.New("refused")
		}
		return exitCode(err)
	}
	pid := regexp.MustCompile(`(?m)^pid_file = "(.*)"$`).FindSubmatch(options)
	if err != nil || pid == nil {
		return 1
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	if err := os.WriteFile(string(pid[1]), []byte(strconv.Itoa(os.Getpid())), 0o640); err != nil {
		return 1
	}
	<-told
	return exitCode(os.Remove(string(pid[1])))
}

func exitCode(err error) int {
	if err != nil {
		return 1
	}
	return 0
}

// included is an option file with those that it includes by name.
func included(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	for _, match := range regexp.MustCompile(`(?m)^!include (.*)$`).FindAllSubmatch(text, -1) {
		more, failed := os.ReadFile(string(match[1]))
		text, err = append(text, more...), errors.Join(err, failed)
	}
	return text, err
}

const (
	community = "mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)\n"
	percona   = "mysqld  Ver 8.4.2-2 for Linux on x86_64 (Percona Server (GPL), Release 2, Revision 6b5ecb8)\n"
)

// standInFor makes an engine over a stand-in that says this version.
func standInFor(t *testing.T, name, version string) *Engine {
	t.Helper()
	root := enginetest.Directory(t)
	binary := filepath.Join(root, "mysqld")
	enginetest.CopyOfThisTest(t, binary)
	must(t, os.WriteFile(filepath.Join(root, "version"), []byte(version), 0o644))
	e, err := newWith(binary, name, hostIn(t, root, 3306))
	must(t, err)
	stopAtEnd(t, e)
	return e
}

func hostIn(t *testing.T, root string, port int) engine.Host {
	t.Helper()
	h := enginetest.HostIn(t, root, 1024)
	h.Port = port
	return h
}

func stopAtEnd(t *testing.T, e *Engine) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		must(t, e.Stop(ctx))
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kindOf(err error) guest.ErrorKind {
	var known *guest.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return ""
}
