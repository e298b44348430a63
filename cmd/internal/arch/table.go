package arch

// row says what the packages that match a pattern may import of ours, and why no more. Patterns are paths below the
// module's root: "x" is one package, "x/*" its direct children, "x/..." the package and everything below it. The first
// row that matches a package is its row.
type row struct {
	from string
	may  []string
	why  string
}

// floor0 are the nouns.
var floor0 = []string{"config/diag", "config/catalog", "config/resource"}

func with(all []string, more ...string) []string { return append(append([]string{}, all...), more...) }

// rooms is the table of the house.
var rooms = []row{
	{"config/diag", nil, "what we tell a user depends on nothing"},
	{"config/catalog", nil, "what engines allow is data and pure functions"},
	{"config/catalog/internal/...", []string{"config/catalog"}, "the generator fills the catalog's tables"},
	{"config/resource", []string{"config/diag", "config/catalog"}, "nouns rest on nothing that acts"},
	{"config", floor0, "the reader of the language knows only nouns"},

	{"providers", nil, "what we need of a cloud is said in a cloud's words"},
	{"providers/emulator", nil, "the emulator must not agree with our client by construction"},
	{"providers/emulator/machines", []string{"providers/emulator", "guest/..."}, "simulated guests are the real agent"},
	{"providers/emulator/...", []string{"providers/emulator/..."}, "the emulator's HTTP side knows none of our code"},
	{"providers/*", []string{"providers"}, "one cloud does not know another"},

	{"guest", nil, "messages depend on nothing"},
	{"guest/transport/ssh/sshtest", nil, "a server for tests knows none of its clients"},
	{"guest/transport/amqp/...", []string{"guest", "guest/transport/amqp/oslo"}, "a format of messages and a broker for tests know no guest's engine"},
	{"guest/transport/*", []string{"guest", "guest/transport/pipe"}, "transports carry messages and know no engine"},
	{"guest/engine", []string{"guest", "config/catalog"}, "an engine knows its host and the catalog"},
	{"guest/engine/internal/native", []string{"guest", "guest/engine"}, "processes and files know no engine"},
	{"guest/engine/internal/...", []string{"guest", "guest/engine", "guest/engine/internal/native", "config/catalog"}, "shared by engines of one family"},
	{"guest/engine/all", []string{"guest", "guest/engine", "guest/engine/*"}, "the only registry of engines"},
	{
		"guest/engine/*", []string{"guest", "guest/engine", "guest/engine/internal/...", "config/catalog"},
		"one engine does not know another",
	},
	{"guest/unit", nil, "a service file depends on nothing"},
	{"guest/backup", []string{"guest"}, "chains and retention are pure"},
	{"guest/objectstore", []string{"guest"}, "a small client of its own"},
	{"guest/image", []string{"guest/unit"}, "an image is a file: it knows no cloud"},
	{
		"guest/agent", []string{"guest", "guest/engine", "guest/backup", "guest/objectstore", "guest/transport/pipe"},
		"the agent serves requests and knows no cloud",
	},

	{"state", floor0, "a state records nouns"},
	{"state/internal/...", []string{"state"}, "shared by the sessions of all durable stores"},
	{"state/swift", []string{"state", "state/internal/..."}, "it knows objects by an interface of its own, and no cloud"},
	{"state/*", with(floor0, "state", "state/internal/..."), "one store does not know another"},

	{"planner/graph", nil, "order and walk, without product words"},
	{"planner/plan", floor0, "a plan is data"},
	{"planner", with(floor0, "planner/graph", "planner/plan", "state"), "the comparison is pure: it can reach no cloud and no guest"},
	{
		"planner/observe", with(floor0, "planner", "planner/plan", "providers", "guest", "state"),
		"looking needs interfaces, never implementations",
	},

	{"executor/journaled", with(floor0, "state", "providers", "guest"), "the only hands that change anything"},
	{"executor/bootstrap", with(floor0, "guest", "guest/unit"), "user-data is made from nouns and messages"},
	{
		"executor", with(floor0, "planner/plan", "planner/graph", "executor/journaled", "executor/bootstrap", "state", "providers", "guest"),
		"it obeys the plan and cannot look or decide",
	},

	{"cmd/internal/view", with(floor0, "planner/plan", "executor", "state"), "views show data"},
	{"cmd/internal/arch", nil, "the rules rest on nothing that they judge"},
	{"cmd/internal/bench", []string{"guest/transport/amqp/amqptest"}, "what is measured is the binary, from outside; a broker is none of ours"},
	{"cmd/internal/bench/run", []string{"cmd/internal/bench"}, "a main chooses nothing"},
	{
		"cmd/internal/standins", []string{"providers/emulator", "providers/emulator/machines"},
		"a hypervisor knows Nova and machines, and nothing of what runs in them",
	},
	{"cmd/internal/standins/run", []string{"cmd/internal/standins"}, "a main chooses nothing of its own"},
	{"cmd/internal/command", []string{"..."}, "the place where implementations are chosen"},
	{"cmd/trovectl", []string{"cmd/internal/command"}, "a main chooses nothing"},
	{
		"cmd/trove-guestagent", []string{"guest", "guest/agent", "guest/engine/all", "guest/transport/*"},
		"the agent's binary is the guest and nothing else",
	},
	{"cmd/internal/reference", with(floor0, "config", "cmd/internal/command"), "reference pages are written from the code"},
	{"cmd/internal/reference/generate", []string{"cmd/internal/reference"}, "a main decides nothing"},
}

// theirs says which packages may import a module or package of others, and why no more. A dependency without a row is a
// breach: somebody has to say where it belongs.
var theirs = []row{
	{"github.com/hashicorp/hcl/v2", []string{"config"}, "one room knows the language's grammar"},
	{"github.com/zclconf/go-cty", []string{"config"}, "one room knows the language's values"},
	{
		"github.com/gophercloud/gophercloud/v2", []string{"providers/openstack", "cmd/internal/standins"},
		"one room knows the client library; the test cloud's hypervisor is no client of ours",
	},
	{"go.etcd.io/bbolt", []string{"state/bolt", "providers/emulator"}, "one store, and the emulator's own"},
	{
		"golang.org/x/crypto/ssh", []string{"guest/transport/ssh/...", "guest/agent", "state/keyring", "providers/emulator/machines", "cmd/internal/command"},
		"carrying, deriving and serving keys; the wiring opens the caller's own",
	},
	{"golang.org/x/crypto", []string{"state/keyring", "guest/...", "providers/emulator/machines"}, "keys and sealed messages"},
	{"github.com/rabbitmq/amqp091-go", []string{"guest/transport/amqp/...", "providers/rabbitmq", "cmd/internal/bench"}, "carrying messages"},
	{"github.com/go-sql-driver/mysql", []string{"guest/engine/...", "config/catalog/internal/..."}, "talking to the engine's socket"},
	{"github.com/jackc/pgx/v5", []string{"guest/engine/...", "config/catalog/internal/..."}, "talking to the engine's socket"},
	{"github.com/redis/go-redis/v9", []string{"guest/engine/...", "config/catalog/internal/..."}, "talking to the engine's socket"},
	{"github.com/agext/levenshtein", []string{"config", "config/catalog", "planner"}, "what was probably meant"},
	{"github.com/mitchellh/cli", []string{"cmd/internal/command"}, "one room knows what a person types"},
	{"golang.org/x/term", []string{"cmd/internal/command"}, "one room knows the terminal"},
	{"github.com/google/go-cmp", []string{"*/*test", "*/*/*test"}, "only contract suites, outside of tests"},
	{"pgregory.net/rapid", []string{"*/*test", "*/*/*test"}, "only contract suites, outside of tests"},
	{
		"github.com/hashicorp/go-hclog", []string{"cmd/...", "guest/agent", "providers/...", "executor/..."},
		"pure rooms return what they have to say",
	},
	{
		"gopkg.in/yaml.v3", []string{"config", "executor/bootstrap", "providers/openstack", "providers/emulator/machines"},
		"clouds.yaml and cloud-init",
	},
	{"golang.org/x/sync", []string{"planner/graph", "planner/observe", "executor/...", "providers/...", "guest/...", "state/...", "cmd/..."}, "pure rooms start no goroutine"},
	{"golang.org/x/sys", []string{"state/...", "guest/...", "providers/emulator/...", "cmd/internal/command"}, "locks and processes"},
	{"golang.org/x/time", []string{"providers/..."}, "limits of requests"},
	{"golang.org/x/text", []string{"config", "config/catalog", "cmd/internal/view"}, "forms of text"},
}

// closures say what a binary must never link, however indirectly.
var closures = []row{
	{
		"cmd/trove-guestagent", []string{"github.com/hashicorp/hcl/v2", "github.com/zclconf/go-cty", "github.com/gophercloud/gophercloud/v2", "go.etcd.io/bbolt"},
		"the agent is small and holds no more than a guest needs",
	},
}
