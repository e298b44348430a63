package machines

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A grant is what an authorized key may do (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
type grant struct {
	command   string // the only command that runs, whatever is asked for; "": any
	noForward bool
	from      string // pattern list of client addresses; "": any
}

var validUser = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// authorizedKeysFile returns the path, relative to the machine's root, of the keys that open an account.
func authorizedKeysFile(user string) (string, error) {
	if !validUser.MatchString(user) {
		return "", fmt.Errorf("invalid user name %q", user)
	}
	home := path.Join("home", user)
	if user == "root" {
		home = "root"
	}
	return path.Join(home, ".ssh", "authorized_keys"), nil
}

// authorize returns what key may do as user when it comes from client; an error when it may not come in.
func authorize(root *os.Root, user string, key ssh.PublicKey, client net.Addr) (grant, error) {
	name, err := authorizedKeysFile(user)
	if err != nil {
		return grant{}, err
	}
	info, err := root.Stat(name)
	if err != nil {
		return grant{}, fmt.Errorf("reading the keys of %s: %w", user, err)
	}
	if info.Mode().Perm()&0o022 != 0 { // OpenSSH's StrictModes
		return grant{}, fmt.Errorf("others may write /%s: mode %o", name, info.Mode().Perm())
	}
	rest, err := root.ReadFile(name)
	if err != nil {
		return grant{}, fmt.Errorf("reading the keys of %s: %w", user, err)
	}
	for {
		known, _, options, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			return grant{}, fmt.Errorf("no key of %s fits", user)
		}
		rest = next
		if !bytes.Equal(known.Marshal(), key.Marshal()) {
			continue
		}
		g := parseGrant(options)
		if g.from != "" && !matchesClient(g.from, client) {
			continue
		}
		return g, nil
	}
}

func parseGrant(options []string) grant {
	var g grant
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`), `\"`, `"`)
		switch strings.ToLower(name) {
		case "command":
			g.command = value
		case "restrict", "no-port-forwarding":
			g.noForward = true
		case "port-forwarding":
			g.noForward = false
		case "from":
			g.from = value
		}
	}
	return g
}

// matchesClient applies a from= list: addresses, CIDR blocks and patterns with * and ?, where ! excludes.
func matchesClient(list string, client net.Addr) bool {
	from, err := netip.ParseAddrPort(client.String())
	if err != nil {
		return false
	}
	address := from.Addr().Unmap()
	matched := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, excluded := strings.CutPrefix(strings.TrimSpace(pattern), "!")
		if !matchesAddress(pattern, address) {
			continue
		}
		if excluded {
			return false
		}
		matched = true
	}
	return matched
}

func matchesAddress(pattern string, address netip.Addr) bool {
	if block, err := netip.ParsePrefix(pattern); err == nil {
		return block.Contains(address)
	}
	ok, err := path.Match(pattern, address.String())
	return err == nil && ok
}

// readHostKey reads the machine's ed25519 host key, which its agent may replace at any time.
func readHostKey(root *os.Root) (ssh.Signer, error) {
	text, err := root.ReadFile(hostKeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading /%s: %w", hostKeyFile, err)
	}
	if signer.PublicKey().Type() != ssh.KeyAlgoED25519 {
		return nil, errors.New("/" + hostKeyFile + " is not an ed25519 key")
	}
	return signer, nil
}
