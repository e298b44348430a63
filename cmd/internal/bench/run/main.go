// Command run measures the trovectl binary and prints the table. `make bench` calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/bench"
)

func main() {
	o := bench.Options{News: os.Stderr}
	flag.StringVar(&o.Binary, "bin", "bin/trovectl", "the binary to measure")
	sizes := flag.String("n", "100,1000", "numbers of instances, with commas between")
	flag.DurationVar(&o.Latency, "latency", 30*time.Millisecond, "what every request to the cloud takes")
	flag.BoolVar(&o.OverAMQP, "over-amqp", false, "only what is done over AMQP")
	cloud := flag.String("cloud", "", "an entry of clouds.yaml: count the requests of every command on that cloud instead; what is made is destroyed")
	vars := flag.String("vars", "", "with -cloud: the file of variables that describes the cloud")
	flag.Parse()
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			fmt.Fprintf(os.Stderr, "-n: %q is not a number\n", size)
			os.Exit(1)
		}
		o.Sizes = append(o.Sizes, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	run := func() (string, error) { return bench.Run(ctx, o) }
	if *cloud != "" {
		run = func() (string, error) {
			return bench.RunCloud(ctx, bench.CloudOptions{Binary: o.Binary, Cloud: *cloud, Vars: *vars, Sizes: o.Sizes, News: o.News})
		}
	}
	table, err := run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Print("\n", table)
}
