// Package bench measures what the trovectl binary costs over fleets of growing size, and sets it beside what Terraform
// was measured to cost. The binary runs as a child against the embedded OpenStack, which is a process of its own.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options say what is measured.
type Options struct {
	Binary  string        // trovectl
	Sizes   []int         // numbers of instances, each with a database and a user
	Latency time.Duration // of every request to the cloud
	News    io.Writer     // told after every work
	// OverAMQP leaves out what is done over SSH.
	OverAMQP bool
}

// Run measures every work over a fleet of each size and returns the table. It takes minutes. It removes all it made.
func Run(ctx context.Context, o Options) (string, error) {
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return "", fmt.Errorf("finding the binary: %w", err)
	}
	o.Binary = binary
	var all []result
	var rates []rate
	for _, n := range o.Sizes {
		if n < 1 || n > mostInstances {
			return "", fmt.Errorf("%d is not a number of instances between 1 and %d", n, mostInstances)
		}
		var results []result
		if !o.OverAMQP {
			if results, err = measureFleet(ctx, o, &fleet{n: n}, works); err != nil {
				return "", fmt.Errorf("with %d instances: %w", n, err)
			}
		}
		overAMQP, r, err := measureBroker(ctx, o, n)
		if err != nil {
			return "", fmt.Errorf("with %d instances over AMQP: %w", n, err)
		}
		all, rates = slices.Concat(all, results, overAMQP), append(rates, r)
	}
	return report(all, rates, o.Latency), nil
}

// mostInstances is what the embedded OpenStack's network has addresses for, with some to spare.
const mostInstances = 20000

// measureFleet runs every work once over a new cloud and a new state, and removes both.
func measureFleet(ctx context.Context, o Options, f *fleet, works []work) (results []result, err error) {
	f.bin, f.latency = o.Binary, o.Latency
	if f.dir, err = os.MkdirTemp("", "trovectl-bench-"); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(f.dir)) }()
	if err := f.write(); err != nil {
		return nil, err
	}
	// Also after an interrupt: the cloud is a process of its own.
	defer func() { err = errors.Join(err, f.down(context.WithoutCancel(ctx), "-purge")) }()
	for _, w := range works {
		if err := f.serve(ctx, w.machines); err != nil {
			return nil, err
		}
		r, err := f.measure(ctx, w)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(o.News, "%6d  %-42s %6.1f s\n", f.n, w.name, r.wall.Seconds())
		results = append(results, r)
	}
	return results, nil
}

// A rate is how fast guests answered, beside how fast the broker alone is.
type rate struct {
	n               int
	inspects, limit float64 // a second
}

// measureBroker runs a fleet over a broker of its own, and then the broker alone.
func measureBroker(ctx context.Context, o Options, n int) ([]result, rate, error) {
	b, err := openBroker()
	if err != nil {
		return nil, rate{}, err
	}
	defer b.close()
	results, err := measureFleet(ctx, o, &fleet{n: n, broker: b}, brokerWorks)
	if err != nil {
		return nil, rate{}, err
	}
	measured := rate{n: n}
	for _, r := range results {
		if r.name == overBroker {
			measured.inspects = float64(r.guests) / r.wall.Seconds()
		}
	}
	measured.limit, err = b.limit(ctx, n)
	return results, measured, err
}
