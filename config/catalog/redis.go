package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func init() {
	for _, e := range []*Engine{
		{Name: "redis", Versions: map[string]Version{"7.0": redisVersion(redis70(), "7.0")}, Shares: map[string]string{"7.2": "7.0"}},
		// Valkey began as Redis 7.2 and kept its parameters; what it has added since is not in the table.
		{
			Name: "valkey",
			Note: "No part of this was ever run against a real Valkey: there was none to run, and Redis 7.0 stood in for it. Parameters and " +
				"commands are those of Redis 7.0.",
			Versions: map[string]Version{"7.2": redisVersion(redis70(), "7.2")},
			Shares:   map[string]string{"8.0": "7.2", "8.1": "7.2"},
		},
	} {
		e.Port = 6379
		// The agent's own account, the administrator's, and those of replication to come.
		e.SystemUsers = []string{"default", "repl", "sentinel", "trovectl"}
		e.HasACL = true
		e.Logs = []string{"slow"}
		e.Manual = redisManual
		e.RefusedPrivileges = redisReserved
		e.names, e.passwords, e.acls = redisRules{}, redisRules{}, redisACLs
		engines[e.Name] = e
	}
}

var redisManual = []string{
	"There are no databases to declare: they have numbers, 0 to 15 (the parameter `databases`), and are always there. What keeps " +
		"applications apart is the key patterns in `acl`.",
	"`acl` takes the rules of ACL SETUSER for keys (`~`, `%R~`, `%W~`), channels (`&`), commands (`+`, `-`, `+@`, `-@`) and selectors " +
		"(`(...)`). Plans show them in a canonical form: rules that let a user do the same are the same. Nobody is given the commands below: " +
		"`+@all` is all others, and they cannot be named.",
	"`password_hash` is the SHA-256 of a password, 64 hexadecimal digits. Sessions end when the password changes.",
	"`root` is the account `default`, of clients that give no name. It may do everything but the commands below.",
	"A server speaks either TLS or in clear on one port. Where `tls` is required, the instance's port speaks TLS only. Where it is " +
		"offered, TLS is on the next port (6380), which `access` does not open: add a security group of your own.",
	"`appendonly` is ON unless you say otherwise, and `maxmemory` is three quarters of the flavor's memory less 128 MiB, so that there is " +
		"room to save.",
	"In sizes `k`, `m` and `g` count in 1000, and `kb`, `mb` and `gb` in 1024, as in redis.conf.",
	"The slow log is what the server keeps of the last `slowlog_max_len` commands that took longer than `slowlog_log_slower_than` " +
		"microseconds: the agent writes what is new into a file whenever it is asked about its logs.",
}

// redisACLs are the rules over the commands of Redis 7.0. Those of later versions that it lacks pass unexamined.
var redisACLs = newACLTable(redis70Commands())

// redisRules are what Redis and Valkey allow, less what they allow and should not. Source: the server itself, and its
// documentation's "ACL".
type redisRules struct{}

func (redisRules) databaseName(e *Engine, name string) error {
	return fmt.Errorf("%s has numbered databases, 0 to 15, which are always there: %q cannot be declared; "+
		"clients choose one by its number, and key patterns in a user's acl keep applications apart", redisTitle(e), name)
}

func redisTitle(e *Engine) string {
	return strings.ToUpper(e.Name[:1]) + e.Name[1:]
}

// userName: the server takes any text without spaces, the empty one included. What is safe in a URL, a log and a file of
// rules alike is less.
func (redisRules) userName(e *Engine, name string) error {
	const allowed = "letters, digits, dots, dashes and underscores"
	if name == "" || len(name) > 64 {
		return fmt.Errorf("a user name has 1 to 64 characters, this one has %d", len(name))
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r) {
			return fmt.Errorf("a user name may not contain %q: allowed are %s", r, allowed)
		}
	}
	if slices.Contains(e.SystemUsers, strings.ToLower(name)) {
		return fmt.Errorf("%q is an account of the server or of the agent", name)
	}
	return nil
}

func (redisRules) userHost(e *Engine, host string) error {
	if host != "" {
		return fmt.Errorf("users of %s have no host: leave it out, and say in the instance's access block who may connect", redisTitle(e))
	}
	return nil
}

func (redisRules) normalizeHost(host string) string { return host }

// verifier is SHA-256 of the password, as ACL SETUSER takes it after a #. An empty password has none: none can be given.
func (redisRules) verifier(password string, _ []byte) string {
	if password == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func (redisRules) checkVerifier(verifier string) error {
	if len(verifier) != 64 || strings.Trim(verifier, "0123456789abcdef") != "" {
		return errors.New("a password hash of redis is 64 hexadecimal digits in lower case (SHA-256 of the password)")
	}
	return nil
}

// redisReserved are commands that nobody is given, and why: with each of them a user reaches beyond the data, to the
// agent's account, to other clients or out of the guest.
var redisReserved = func() map[string]string {
	const (
		replication = "replication belongs to trovectl"
		agent       = "it ends or holds up the connections of others, the agent's included"
		developers  = "it is for the developers of the server and can end it"
		saving      = "when the server saves is said by the parameters save and appendonly of a config_group"
	)
	return map[string]string{
		"acl": "accounts are declared as users", "config": "settings of the server belong to a config_group",
		"shutdown": "starting and stopping the server belongs to trovectl", "module": "it lets code into the server",
		"cluster": "clusters belong to trovectl", "migrate": "it opens connections from the guest to elsewhere",
		"monitor": "it shows what every other client does", "save": saving, "bgsave": saving,
		"debug": developers, "pfdebug": developers, "pfselftest": developers,
		"client|kill": agent, "client|pause": agent, "client|unpause": agent,
		"replicaof": replication, "slaveof": replication, "failover": replication, "sync": replication, "psync": replication,
		"replconf": replication,
	}
}()

// redisGuard takes the reserved commands away again from whoever was given a category that holds some.
func redisGuard() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(redisReserved)) {
		out = append(out, "-"+name)
	}
	return out
}
