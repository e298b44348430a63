package guest

import "context"

// AgentConfig is what an agent is born with: cloud-init writes it as JSON to AgentConfigPath before the agent first
// starts. It holds a secret (DigestKey), so the file is 0600.
type AgentConfig struct {
	Member     string `json:"member"`              // the member's immutable id
	Engine     string `json:"engine"`              // datastore manager: "mariadb"
	Version    string `json:"version"`             // datastore version as declared: "10.11"
	Address    string `json:"address"`             // the address clients connect to; the engine listens there
	Port       int    `json:"port"`                // the port clients connect to
	RAMMiB     int    `json:"ram_mib"`             // of the flavor; 0: unknown
	VolumeID   string `json:"volume_id,omitempty"` // Cinder id of the data volume; empty: the server's own disk
	Generation int    `json:"generation"`          // of the keys that came with it, 1 on a new machine
	DigestKey  string `json:"digest_key"`          // hex, 32 bytes: for verifier digests; empty: rotate brings it
	// Broker is where the agent listens for requests beside its own sockets; nil: nowhere.
	Broker *BrokerConfig `json:"broker,omitempty"`
}

// BrokerConfig is how an agent reaches its message broker, and what seals its messages. It holds secrets.
type BrokerConfig struct {
	URL         string `json:"url"`   // amqp://HOST:PORT or amqps://HOST:PORT, without credentials
	VHost       string `json:"vhost"` // "/" or a name without the slash
	User        string `json:"user"`
	Password    string `json:"password,omitempty"`    // empty: the certificate logs in
	CA          string `json:"ca,omitempty"`          // PEM; empty: the machine's own
	Certificate string `json:"certificate,omitempty"` // PEM, of the client
	Key         string `json:"key,omitempty"`         // PEM
	Generation  int    `json:"generation"`            // of Password and MessageKey
	MessageKey  string `json:"message_key"`           // hex, 32 bytes
	Mode        string `json:"mode,omitempty"`        // "sealed" (also when empty) or "trove"
	TroveKey    string `json:"trove_key,omitempty"`   // of mode trove: Trove's per-instance key
}

// A Post is an agent at its message broker, as the transport there needs it.
type Post struct {
	Member string
	// Logins are how it may log in, the newest first: after a rotation the broker may still know the one before. What a
	// MessageKey opens is taken; one without has been replaced for good. Asked again and again.
	Logins func() []BrokerConfig
	Used   func(generation int)              // hears which generation's key opened a request
	Tell   func(state string)                // hears of the connection: "connected", or why there is none
	Status func(context.Context) any         // what is published about the guest from time to time, as JSON
	Log    func(message string, args ...any) // pairs of key and value after the message
}

// Where a guest keeps what trovectl and the agent both know, relative to the root of the guest ("/" in a real one).
const (
	AgentConfigPath = "etc/trove-guestagent/agent.json"
	AgentPath       = "usr/bin/trove-guestagent"
	AgentUser       = "trovectl" // the account SSH logs in to; its keys allow the forced command only
)
