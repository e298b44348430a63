// Command trove-guestagent runs inside a guest: it serves trovectl's requests and owns the database engine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/engine/all"
	"github.com/trovectl/trovectl/guest/transport/amqp"
)

// version is set by the linker.
var version = "0.1.0-dev"

const usage = `usage: trove-guestagent daemon            serve the guest; stops the engine on SIGTERM
       trove-guestagent rpc [--read-only] join standard input and output to the daemon
       trove-guestagent version`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "trove-guestagent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	root := os.Getenv("TROVE_GUEST_ROOT")
	if root == "" {
		root = "/"
	}
	switch {
	case slices.Equal(args, []string{"daemon"}):
		log := hclog.New(&hclog.LoggerOptions{Name: "trove-guestagent", Output: os.Stderr})
		a, err := agent.Open(agent.Config{Root: root, Version: version, NewEngine: all.New, Log: log, Attend: amqp.Attend})
		if err != nil {
			return err
		}
		defer func() { _ = a.Close() }() // Run has ended all work
		return a.Run(ctx)
	case slices.Equal(args, []string{"rpc"}), slices.Equal(args, []string{"rpc", "--read-only"}):
		return agent.Channel{Root: root, ReadOnly: len(args) > 1}.Copy(ctx, os.Stdin, os.Stdout)
	case slices.Equal(args, []string{"version"}):
		fmt.Println("trove-guestagent", version)
		return nil
	}
	return fmt.Errorf("%v\n%s", args, usage)
}
