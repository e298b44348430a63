package emulator

import "context"

// A Machine is what a Nova server boots: the facts a hypervisor would know.
type Machine struct {
	ID        string            `json:"id"`         // the server's UUID
	Name      string            `json:"name"`       // the server's name, becomes the host name
	Image     string            `json:"image"`      // the Glance image's name, for example "mariadb-10.11"
	RAMMiB    int               `json:"ram_mib"`    // from the flavor
	Address   string            `json:"address"`    // the fixed address of its first port, a loopback address
	Others    []string          `json:"others"`     // the fixed addresses of its further ports
	UserData  []byte            `json:"user_data"`  // decoded cloud-init user-data
	Metadata  map[string]string `json:"metadata"`   // the server's metadata
	Volumes   []Disk            `json:"volumes"`    // attached volumes
	FirstBoot bool              `json:"first_boot"` // true until Boot returned nil once
}

// A Disk is an attached volume. Its data lives in a directory that outlives the machine.
type Disk struct {
	VolumeID string `json:"volume_id"`
	Dir      string `json:"dir"`      // absolute directory holding `disk/` (the data) and `size` (GiB, decimal text)
	SizeGiB  int    `json:"size_gib"` // as Cinder knows it
}

// Machines boots and stops the computers behind servers. Implementations MUST be safe for concurrent use and MUST be
// able to find their processes again after the emulator itself was killed and started anew (Boot of a machine that
// still runs adopts it).
type Machines interface {
	// Boot starts the machine and returns when its processes run (not when its services answer). Repeating it on a
	// running machine is harmless. On the first boot user-data is applied as cloud-init would.
	Boot(ctx context.Context, m Machine) error
	// Stop ends every process of the machine and waits for them. Stopping a stopped machine is harmless.
	Stop(ctx context.Context, id string) error
	// Destroy stops the machine and removes its root directory. The volumes' directories are not touched.
	Destroy(ctx context.Context, id string) error
	// Console returns the tail of the machine's console log (cloud-init, units, agent), at most `lines` lines.
	Console(id string, lines int) (string, error)
	// Running tells whether the machine has live processes.
	Running(id string) bool
	// Images names the Glance images this kind of machine can boot, such as "mariadb-10.11".
	Images() []string
}

// EveryEngine names an image of each engine, so that every configuration finds one where servers run nothing.
var EveryEngine = []string{"mariadb-10.11", "mysql-8.0", "postgresql-15", "redis-7.0", "valkey-8.0"}
