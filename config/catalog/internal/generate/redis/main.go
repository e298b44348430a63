// Command redis writes the catalog's table of a Redis server: its parameters, which it describes only in its refusals,
// and the categories of its commands. Equal servers give equal bytes.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	out := flag.String("out", "", "the Go file to write")
	name := flag.String("func", "", "the name of the function that returns the table")
	version := flag.String("version", "", "the version that must be installed, 7.0")
	flag.Parse()
	if err := run(*out, *name, *version); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(out, function, version string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	directory, err := os.MkdirTemp("", "catalog-*")
	if err != nil {
		return fmt.Errorf("making a directory for the server: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	server, client, err := start(ctx, directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close(), stop(server)) }()
	source, err := table(ctx, client, function, version)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, source, 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// start makes an empty server with nothing configured but where it listens, so that what it says are its own defaults.
func start(ctx context.Context, directory string) (*exec.Cmd, *redis.Client, error) {
	socket := filepath.Join(directory, "s")
	server := exec.Command("redis-server", "--port", "0", "--unixsocket", socket)
	server.Dir = directory
	if err := server.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting a server: %w", err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, Protocol: 2, DisableIdentity: true})
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return server, client, nil
		}
		if ctx.Err() != nil {
			return nil, nil, errors.Join(fmt.Errorf("waiting for the server: %w", err), client.Close(), stop(server))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func stop(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	if err := server.Wait(); err != nil {
		return fmt.Errorf("waiting for the server's end: %w", err)
	}
	return nil
}

func table(ctx context.Context, client *redis.Client, function, version string) ([]byte, error) {
	info, err := client.InfoMap(ctx, "server").Result()
	if err != nil {
		return nil, fmt.Errorf("asking for the version: %w", err)
	}
	if running := info["Server"]["redis_version"]; !strings.HasPrefix(running, version+".") {
		return nil, fmt.Errorf("the installed server is %s, not %s", running, version)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated from the server itself by internal/generate/redis; DO NOT EDIT.\n\npackage catalog\n\n")
	fmt.Fprintf(&b, "func %s() Version {\nreturn Version{\nName: %q,\nParameters: map[string]Parameter{\n", function, version)
	if err := writeParameters(ctx, client, &b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "},\n}\n}\n\n// %sCommands are the ACL categories of every command and subcommand.\n", function)
	fmt.Fprintf(&b, "func %sCommands() map[string]string {\nreturn map[string]string{\n", function)
	if err := writeCommands(ctx, client, &b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "}\n}\n")
	return format.Source(b.Bytes())
}
