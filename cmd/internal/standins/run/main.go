// Command run gives guests to the servers of compute hosts that run none, until it is told to end. `.ci/cloud` starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/cmd/internal/standins"
)

func main() {
	o := standins.Options{Log: hclog.New(&hclog.LoggerOptions{Name: "standins", Level: hclog.Info, Output: os.Stderr})}
	flag.StringVar(&o.Cloud, "cloud", "admin", "the entry of clouds.yaml that is an administrator")
	projects := flag.String("projects", "", "the ids of the projects whose servers get guests, with commas between; default: all")
	flag.StringVar(&o.Hosts, "hosts", "fake*", "pattern of the compute hosts without guests")
	flag.StringVar(&o.Dir, "dir", "", "where machines and volumes are kept")
	flag.StringVar(&o.Agent, "agent", "bin/trove-guestagent", "the guest agent")
	flag.IntVar(&o.SSHPort, "ssh-port", 22, "where SSH listens in the guests")
	flag.DurationVar(&o.Pause, "pause", time.Second, "between two looks at the servers")
	flag.Parse()
	if *projects != "" {
		o.Projects = strings.Split(*projects, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := standins.Run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standins:", err)
		os.Exit(1)
	}
}
