package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func redis(t testing.TB) *Engine {
	t.Helper()
	e, ok := Lookup("redis")
	if !ok {
		t.Fatal("redis is not known")
	}
	return e
}

func TestRedisNames(t *testing.T) {
	e := redis(t)
	for _, good := range []string{"app", "App-1", "a.b_c", "0", strings.Repeat("x", 64)} {
		if err := e.CheckUserName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "o'b", "ü", "a\nb", "a\x00", "default", "Default", "trovectl", strings.Repeat("x", 65), "#x", "(x"} {
		if err := e.CheckUserName(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if err := e.CheckDatabaseName("shop"); err == nil || !strings.HasPrefix(err.Error(), "Redis has numbered databases, 0 to 15") {
		t.Errorf("a database: %v", err)
	}
	if e.CheckHost("") != nil || e.CheckHost("%") == nil || e.NormalizeHost("") != "" {
		t.Error("users have no host, and none is what they have")
	}
}

func TestRedisVerifier(t *testing.T) {
	e := redis(t)
	// echo -n password | sha256sum
	got := e.Verifier("password", nil)
	if got != "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" {
		t.Errorf("the verifier is %s", got)
	}
	if err := e.CheckVerifier(got); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "hunter2", strings.ToUpper(got), "#" + got, got[1:]} {
		if err := e.CheckVerifier(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCanonicalACL(t *testing.T) {
	e := redis(t)
	for _, c := range []struct {
		rules, want string // separated by spaces; selectors with + for spaces
		refused     string
	}{
		{"", "", ""},
		{"~app:* &app:* +@all -@admin -@dangerous", "~app:* &app:* +@all -@dangerous", ""},
		{"+@all -@dangerous ~app:*", "~app:* +@all -@dangerous", ""},
		{"allkeys allchannels allcommands", "~* &* +@all", ""},
		{"~b ~a ~b %RW~c %R~d %w~d %R~e", "~a ~b ~c ~d %R~e", ""},
		{"~a ~* &x &*", "~* &*", ""},
		{"%R~* ~a", "%R~* ~a", ""},
		{"~a resetkeys ~b &x resetchannels", "~b", ""},
		{"+GET +set +get -set", "+get", ""},
		{"-@all +@read +@write", "+@write +@read", ""},
		{"+@string -append", "+@string -append", ""},
		{"+client|id", "+client|id", ""},
		{"+client", "+client", ""},
		{"+client -client|id", "+client -client|id", ""},
		{"-config -@admin", "", ""},
		{"+get nocommands", "", ""},
		{"+brandnew -other|x", "+brandnew", ""},
		{"+@all -brandnew", "+@all -brandnew", ""},
		{"+get (~x|+set|+get) (~a|+@all) () (~x|+get|+set)", "+get (~a +@all) (~x +get +set)", ""},
		{"+get (~x|+set) clearselectors", "+get", ""},
		{"+@sting", "", `did you mean "string"`},
		{"+config|get", "", "config_group"}, {"+ACL", "", "declared as users"}, {"(+shutdown)", "", "stopping"}, {"+client|kill", "", "connections of others"},
		{"nopass", "", "everybody"}, {">hunter2", "", "password"}, {"#abc", "", "password"}, {"!abc", "", "password"}, {"<hunter2", "", "password"},
		{"on", "", "is on"}, {"off", "", "remove the user"}, {"reset", "", "nothing to reset"}, {"sanitize-payload", "", "leave it out"},
		{"get", "", "is no ACL rule"}, {"~", "", "of the form"}, {"%X~a", "", "of the form"}, {"%~a", "", "of the form"}, {"&", "", "no ACL rule"},
		{"+", "", "names no command"}, {"+a'b", "", "names no command"}, {"+select|0", "", "no subcommands"}, {"(~x", "", "of the form"},
	} {
		var rules []string
		for field := range strings.FieldsSeq(c.rules) {
			if field[0] == '(' {
				field = strings.ReplaceAll(field, "|+", " +")
			}
			rules = append(rules, field)
		}
		got, err := e.CanonicalACL(rules)
		if strings.Join(got, " ") != c.want || (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%q is %q, %v; want %q, %q", rules, got, err, c.want, c.refused)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
	for _, bad := range []string{"", "~a b", "~a\x00", "+get\n+set"} {
		if _, err := e.CanonicalACL([]string{bad}); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if _, err := mariadb(t).CanonicalACL(nil); err == nil {
		t.Error("mariadb has ACL rules")
	}
}

// What nobody could have declared is seen, so that it is drift.
func TestStoredACLShowsWhatIsForeign(t *testing.T) {
	e := redis(t)
	for given, want := range map[string]string{
		"on ~* &* +@all -@dangerous":               "~* &* +@all -@dangerous",
		"off sanitize-payload ~a":                  "~a off",
		"on nopass +get":                           "+get nopass",
		"on ~* +@all -@dangerous +config|get":      "~* +@all -@dangerous +config|get",
		"on resetchannels -@all +get +select|0":    "+get +select|0",
		"on resetchannels -@all +shutdown +client": "+client +client|kill +client|pause +client|unpause +shutdown",
	} {
		if got := strings.Join(e.StoredACL(strings.Fields(given)), " "); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}

// drawACL makes rules as people write them.
func drawACL(t *rapid.T) []string {
	commands := []string{"get", "set", "client", "client|id", "object|freq", "hget", "select", "object", "waitnew", "function", "function|list", "flushall"}
	categories := []string{"@all", "@read", "@write", "@string", "@dangerous", "@admin", "@slow", "@fast", "@connection", "@pubsub", "@keyspace"}
	rule := rapid.OneOf(
		rapid.Map(rapid.SampledFrom(slices.Concat(commands, categories)), func(s string) string { return "+" + s }),
		rapid.Map(rapid.SampledFrom(slices.Concat(commands, categories)), func(s string) string { return "-" + s }),
		rapid.SampledFrom([]string{"~*", "~app:*", "%R~app:*", "%W~app:*", "%R~*", "~[a-z]?", "&*", "&news", "resetkeys", "resetchannels", "allkeys"}),
	)
	rules := rapid.SliceOfN(rule, 0, 8).Draw(t, "rules")
	if inner := rapid.SliceOfN(rule, 0, 4).Draw(t, "selector"); len(inner) > 0 {
		rules = append(rules, "("+strings.Join(inner, " ")+")")
	}
	return rules
}

func TestCanonicalACLIsStable(t *testing.T) {
	e := redis(t)
	rapid.Check(t, func(t *rapid.T) {
		rules := drawACL(t)
		once, err := e.CanonicalACL(rules)
		if err != nil {
			t.Fatalf("%q: %v", rules, err)
		}
		twice, err := e.CanonicalACL(once)
		if err != nil || !cmp.Equal(once, twice) {
			t.Fatalf("%q is %q, and that is %q, %v", rules, once, twice, err)
		}
		if stored := e.StoredACL(append([]string{"on"}, e.ServerACL(once)...)); !cmp.Equal(once, stored) {
			t.Fatalf("%q is %q, and stored it is %q", rules, once, stored)
		}
	})
}

func TestRedisParameters(t *testing.T) {
	e := redis(t)
	for _, c := range []struct{ name, given, want, refused string }{
		{"maxmemory", "100mb", "104857600", ""},
		{"maxmemory", "100M", "100000000", ""},
		{"maxmemory", "1GB", "1073741824", ""},
		{"maxmemory", "1.5gb", "", "size in bytes"},
		{"maxmemory", "5mbk", "", "size in bytes"},
		{"maxmemory", "99999999999gb", "", "size in bytes"},
		{"maxmemory-policy", "ALLKEYS-LRU", "allkeys-lru", ""},
		{"maxmemory_policy", "allkeys-lur", "", "did you mean"},
		{"appendonly", "yes", "ON", ""},
		{"hz", "501", "", "from 1 to 500"},
		{"save", " 3600  1 300 100 ", "3600 1 300 100", ""},
		{"save", "", `""`, ""},
		{"save", `""`, `""`, ""},
		{"save", "3600", "", "pairs"},
		{"save", "0 1", "", "pairs"},
		{"save", "60 -1", "", "pairs"},
		{"client-output-buffer-limit", "replica 256mb 64mb 60", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", ""},
		{"client-output-buffer-limit", "normal 16mb 0 0 pubsub 0 0 0", "normal 16777216 0 0 slave 268435456 67108864 60 pubsub 0 0 0", ""},
		{"client-output-buffer-limit", "normal 1mb 0 0", "", "the agent is a client"},
		{"maxclients", "9", "", "from 10 to 1000000"},
		{"client-output-buffer-limit", "master 0 0 0", "", "normal, replica or pubsub"},
		{"client-output-buffer-limit", "normal 0 0", "", "CLASS HARD SOFT SECONDS"},
		{"notify-keyspace-events", "xKE$lshgzetd", "AKE", ""},
		{"notify-keyspace-events", "Ex", "xE", ""},
		{"notify-keyspace-events", "q", "", "letters"},
		{"latency-tracking-info-percentiles", "50.0 99.90", "50 99.9", ""},
		{"latency-tracking-info-percentiles", "101", "", "0 to 100"},
		{"maxmemory-clients", "5%", "5%", ""},
		{"maxmemory-clients", "64mb", "67108864", ""},
		{"maxmemory-clients", "101%", "", "share"},
	} {
		p, ok := e.Parameter("7.2", c.name)
		if !ok {
			t.Errorf("%s is not there", c.name)
			continue
		}
		got, err := p.Normalize(c.given)
		if got != c.want || (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s = %q is %q, %v; want %q, %q", c.name, c.given, got, err, c.want, c.refused)
		}
		if again, err := p.Normalize(got); c.refused == "" && (err != nil || again != got) {
			t.Errorf("%s = %q is not stable: %q, %v", c.name, got, again, err)
		}
	}
	for _, refused := range []string{"dir", "requirepass", "bind", "port", "tls-port", "replicaof", "enable-debug-command", "hash-max-ziplist-value", "cluster-enabled"} {
		if p, ok := e.Parameter("7.0", refused); !ok || p.Refused == "" {
			t.Errorf("%s can be set", refused)
		}
	}
}
