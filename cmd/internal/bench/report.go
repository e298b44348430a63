package bench

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// A peer is what Terraform was measured to cost for the same number of entries of three resources.
type peer struct {
	cpu     float64 // seconds
	memory  int     // MiB
	api     int
	written int // MB
}

// peers are measurements of Terraform 1.11.4 with terraform-provider-openstack 3.4.0 against an API of 30 ms on two
// cores, in its fastest idiom (a module with for_each): instances of Trove, where it asks no guest.
var peers = map[string]map[int]peer{
	"plan from empty":     {1000: {43, 208, 0, 23}},
	"apply":               {100: {5.1, 124, 1001, 65}, 1000: {409, 261, 10001, 6090}},
	"plan, nothing to do": {100: {2.0, 125, 301, 5}, 1000: {27.4, 249, 3001, 51}, 10000: {258, 1737, 30001, 511}},
}

const mib = 1 << 20

// report is the table, the growth from N to 10 N, and the targets, in that order.
func report(all []result, rates []rate, latency time.Duration) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Instances with a database and a user each, %v for every request to the cloud; Terraform's figures on the right.\n\n", latency)
	table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, cell := range cells {
			_, _ = fmt.Fprintf(table, "%v\t", cell) // a builder takes everything
		}
		_, _ = fmt.Fprintln(table)
	}
	row("work", "N", "wall s", "CPU s", "MiB", "API", "guest", "MB written", "| CPU s", "MiB", "API", "MB written")
	for _, r := range all {
		cells := []any{
			r.name, r.n, seconds(r.wall), seconds(r.cpu), r.memory / mib, r.api, r.guests, fmt.Sprintf("%.1f", float64(r.written)/1e6),
		}
		if p, ok := peers[r.peer][r.n]; ok {
			row(append(cells, fmt.Sprintf("| %.1f", p.cpu), p.memory, p.api, p.written)...)
		} else {
			row(append(cells, "| -", "-", "-", "-")...)
		}
	}
	_ = table.Flush()
	out.WriteString(growth(all))
	out.WriteString(speed(rates))
	out.WriteString(targets(all))
	out.WriteString(notes)
	return out.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// growth tells by how much ten times the instances cost more.
func growth(all []result) string {
	var out strings.Builder
	for _, small := range all {
		for _, large := range all {
			if small.name != large.name || large.n != 10*small.n {
				continue
			}
			fmt.Fprintf(&out, "  %-40s %5d to %5d: CPU x %.1f, memory x %.1f, API requests x %.1f\n", small.name, small.n, large.n,
				ratio(large.cpu, small.cpu), ratio(large.memory, small.memory), ratio(large.api, small.api))
		}
	}
	if out.Len() == 0 {
		return ""
	}
	return "\nGrowth\n" + out.String()
}

// speed sets the guests' answers beside what the broker carries when nobody does anything with its messages.
func speed(rates []rate) string {
	if len(rates) == 0 {
		return ""
	}
	out := fmt.Sprintf("\nOver AMQP, a second (the broker alone: %d bytes asked, %d answered, %d at once, a queue for each guest)\n", askBytes, answerBytes, inFlight)
	for _, r := range rates {
		out += fmt.Sprintf("  %6d guests: %6.0f inspected in a plan, %6.0f questions and answers through the broker alone\n", r.n, r.inspects, r.limit)
	}
	return out
}

func ratio[T ~int | ~int64](large, small T) float64 {
	if small == 0 {
		return 0
	}
	return float64(large) / float64(small)
}

// A target is what a work over a thousand instances may cost at most.
type target struct {
	work, what string
	most       float64
	cost       func(result) float64
}

var goals = []target{
	{"plan, nothing to do", "API requests", 30, func(r result) float64 { return float64(r.api) }},
	{"plan, nothing to do", "CPU s, guests over SSH", 5, func(r result) float64 { return r.cpu.Seconds() }},
	{"drift -no-guests", "API requests", 30, func(r result) float64 { return float64(r.api) }},
	{"drift -no-guests", "CPU s", 0.5, func(r result) float64 { return r.cpu.Seconds() }},
	{"drift -no-guests", "MiB", 60, func(r result) float64 { return float64(r.memory) / mib }},
	{"plan, nothing to do, no guest answers", "CPU s", 0.5, func(r result) float64 { return r.cpu.Seconds() }},
	{"plan, nothing to do, no guest answers", "MiB", 60, func(r result) float64 { return float64(r.memory) / mib }},
	{overBroker, "CPU s", 1, func(r result) float64 { return r.cpu.Seconds() }},
	{overBroker, "MiB", 80, func(r result) float64 { return float64(r.memory) / mib }},
	{overBroker, "API requests", 30, func(r result) float64 { return float64(r.api) }},
	{overBroker, "requests per guest", 1, func(r result) float64 { return float64(r.guests) / float64(r.n) }},
	{"apply", "CPU s", 20, func(r result) float64 { return r.cpu.Seconds() }},
}

func targets(all []result) string {
	var out strings.Builder
	for _, g := range goals {
		for _, r := range all {
			if r.name != g.work || r.n != 1000 {
				continue
			}
			word := "reached"
			if g.cost(r) > g.most {
				word = "MISSED"
			}
			fmt.Fprintf(&out, "  %-40s %-24s %7.2f of %4g  %s\n", g.work, g.what, g.cost(r), g.most, word)
		}
	}
	if out.Len() == 0 {
		return ""
	}
	return "\nTargets for 1000 instances\n" + out.String()
}

const notes = `
CPU is user and system time of the trovectl process, MiB the most memory it had resident, MB written what the kernel
counted for its writes to storage (getrusage). API requests are counted by the cloud and, over AMQP, on their way to the
broker's management; guest requests are counted by the guests. Servers run simulated guests, each behind an SSH server,
or all of them at one RabbitMQ, in one vhost. Where "no guest answers", the same servers run without guests and refuse
the connection: an instance can only be applied with a guest, so the fleet was made with them. A plan asks every guest;
drift -no-guests looks at the cloud alone, which is what Terraform's refresh does for Trove.
`
