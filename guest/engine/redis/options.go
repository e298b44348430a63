package redis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest/engine"
)

// options are the agent's own settings: where things are, who may come in, and how much memory there is. Names as in
// the catalog, values canonical.
func (e *Engine) options() engine.Settings {
	options := engine.Settings{
		"dir": e.paths.data, "aclfile": e.paths.accounts, "unixsocket": e.paths.socketOption(), "unixsocketperm": "700",
		"pidfile": e.paths.pid, "logfile": e.paths.errors, "bind": e.host.Address, "port": strconv.Itoa(e.host.Port),
		"acl_pubsub_default": "resetchannels",
		// The arguments of the process are how it is found again.
		"set_proc_title": "OFF", "daemonize": "OFF",
		// A database keeps what it was given.
		"appendonly": "ON",
	}
	if size := sizing(e.host.RAMMiB); size != "" {
		options["maxmemory"] = size
	}
	return options
}

// sizing is maxmemory in bytes: three quarters of what is left beside 128 MiB for the system. The rest is for the copies of
// pages while a child saves. Empty: the memory is not known.
func sizing(ramMiB int) string {
	if ramMiB <= 0 {
		return ""
	}
	const mib = 1 << 20
	return strconv.Itoa(max(16, (ramMiB-128)*3/4) * mib)
}

// told is a canonical value in the server's words.
func told(p catalog.Parameter, value string) string {
	switch {
	case p.Type == catalog.TypeBoolean:
		return map[string]string{"ON": "yes", "OFF": "no"}[value]
	case value == catalog.NoSavePoints:
		return ""
	}
	return value
}

// canonical is Normalize, or the text itself where the server says what the catalog would refuse.
func canonical(p catalog.Parameter, value string) string {
	if text, err := p.Normalize(value); err == nil {
		return text
	}
	return value
}

// format writes settings as the server reads them, sorted by name, so that equal settings are equal bytes.
func (e *Engine) format(values engine.Settings) []byte {
	var b strings.Builder
	b.WriteString("# Written by trove-guestagent; changes made here are lost.\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if p, ok := e.catalog.Parameter(e.series, name); ok {
			fmt.Fprintf(&b, "%s %s\n", p.Option, quote(told(p, values[name])))
		}
	}
	return []byte(b.String())
}

// quote writes a value so that the server reads it as one argument, whatever it holds.
func quote(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7F:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unquote is the opposite of quote.
func unquote(text string) (string, error) {
	wrong := errors.New(`it is not of the form NAME "VALUE"`)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", wrong
	}
	text = text[1 : len(text)-1]
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"' || text[i] == '\\' && i+1 == len(text):
			return "", wrong
		case text[i] == '\\' && text[i+1] == 'x':
			if i+3 >= len(text) {
				return "", wrong
			}
			n, err := strconv.ParseUint(text[i+2:i+4], 16, 8)
			if err != nil {
				return "", wrong
			}
			b.WriteByte(byte(n))
			i += 3
		case text[i] == '\\':
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), nil
}

// parse reads what format wrote. A line it does not understand is an error: somebody else wrote it.
func (e *Engine) parse(text []byte) (engine.Settings, error) {
	settings := engine.Settings{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		option, quoted, _ := strings.Cut(line, " ")
		value, err := unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		p, ok := e.catalog.Parameter(e.series, option)
		if !ok {
			return nil, fmt.Errorf("line %d: there is no parameter %q", i+1, option)
		}
		settings[p.Name] = canonical(p, value)
	}
	return settings, nil
}
