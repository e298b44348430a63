package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/emulator/machines"
)

// devServeSpec runs the embedded OpenStack in the foreground; dev up starts it in the background.
var devServeSpec = spec{
	usage: "trovectl dev serve -dir D",
	flags: func(f *flags) { f.devDir() },
	run:   runDevServe,
}

// gatewayPort is held on the first address of the subnet while the cloud runs: nobody else gives out the same addresses.
const gatewayPort = 35051

func runDevServe(m *Meta, f *flags) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := m.devDirectory(f)
	if err != nil {
		return m.fail("%v", err)
	}
	if err := serveDev(ctx, dir); err != nil {
		_, _ = fmt.Fprintln(m.streams.Err, err)
		return exitError
	}
	return exitOK
}

func serveDev(ctx context.Context, dir string) error {
	settings, err := readDevSettings(dir)
	if err != nil {
		return err
	}
	log := hclog.New(&hclog.LoggerOptions{Name: "dev", Level: hclog.Info, Output: os.Stderr})
	gateway, err := net.Listen("tcp", gatewayOf(settings.Subnet))
	if err != nil {
		return taken(gatewayOf(settings.Subnet), err)
	}
	defer func() { _ = gateway.Close() }()
	kind, err := devMachines(dir, settings, log)
	if err != nil {
		return err
	}
	tokens, err := settings.tokenLifetime()
	if err != nil {
		return err
	}
	boots := 4 // a booting machine starts a database server
	if settings.Machines != "local" {
		boots = 32
	}
	cloud, err := emulator.Open(emulator.Options{
		Dir: filepath.Join(dir, "cloud"), Listen: settings.Listen, Machines: kind, Subnet: settings.Subnet,
		Quotas: settings.Quotas, TokenLifetime: tokens, BootParallel: boots, Log: log,
	})
	if err != nil {
		return taken(settings.Listen, err)
	}
	err = cloud.WriteCloudsYAML(filepath.Join(dir, "clouds.yaml"))
	if err == nil {
		// Only now it is our own endpoint that answers, and not another cloud's at the same address.
		err = os.WriteFile(devReady(dir), []byte(settings.Listen+"\n"), 0o600)
	}
	if err == nil {
		<-ctx.Done()
	}
	ending, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return errors.Join(err, cloud.Close(ending))
}

func devMachines(dir string, settings devSettings, log hclog.Logger) (emulator.Machines, error) {
	switch settings.Machines {
	case "none":
		return &machines.None{}, nil
	case "simulated":
		return machines.NewSimulated(filepath.Join(dir, "machines"), 0, log)
	}
	agent, err := executable("trove-guestagent")
	if err != nil {
		return nil, err
	}
	return machines.NewLocal(machines.Options{Dir: filepath.Join(dir, "machines"), AgentBinary: agent, Log: log})
}

// taken says who has a port.
func taken(address string, err error) error {
	if holder := machines.PortHolder(address); holder != "" && errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by %s: end it, or choose another address with -listen", address, holder)
	}
	return err
}

func gatewayOf(subnet string) string {
	ip, _, err := net.ParseCIDR(subnet)
	if err != nil {
		return subnet
	}
	first := ip.To4()
	return fmt.Sprintf("%d.%d.%d.1:%d", first[0], first[1], first[2], gatewayPort)
}

// freeSubnet chooses a loopback network for a new directory: always the same for the same directory unless another cloud
// has it.
func freeSubnet(dir string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir))
	start := int(h.Sum32() % 180)
	for i := range 180 {
		subnet := fmt.Sprintf("127.%d.0.0/16", 66+(start+i)%180)
		probe, err := net.Listen("tcp", gatewayOf(subnet))
		if err == nil {
			_ = probe.Close()
			return subnet
		}
	}
	return "127.66.0.0/16"
}

// stopLeftovers ends machines whose cloud was killed; only local ones outlive it.
func stopLeftovers(dir string, settings devSettings) error {
	roots := filepath.Join(dir, "machines")
	if settings.Machines != "local" {
		return nil
	}
	if _, err := os.Stat(roots); err != nil {
		return nil
	}
	agent, err := executable("trove-guestagent")
	if err != nil {
		return err
	}
	local, err := machines.NewLocal(machines.Options{Dir: roots, AgentBinary: agent})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return local.StopAll(ctx)
}

// devTable prints the servers of a summary.
func (m *Meta) devTable(data []byte) int {
	var summary emulator.Summary
	if err := json.Unmarshal(data, &summary); err != nil {
		return m.failErr("The embedded OpenStack answered something unexpected", err)
	}
	_, _ = fmt.Fprintf(m.streams.Out, "endpoint %s\n", summary.Endpoint)
	table := tabwriter.NewWriter(m.streams.Out, 0, 4, 2, ' ', 0)
	for _, image := range summary.Images {
		_, _ = fmt.Fprintf(table, "image\t%v\n", image)
	}
	for _, s := range summary.Servers {
		_, _ = fmt.Fprintf(table, "server\t%s\t%s\t%s\n", s.Name, s.Address, s.Status)
	}
	_ = table.Flush()
	return exitOK
}
