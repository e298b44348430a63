package redis

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// The accounts that are always there.
const (
	agentAccount = "trovectl" // it has no peer authentication to rest on, so it has a password that only the agent's file holds
	rootAccount  = "default"  // who says no name logs in as it; off unless root is enabled
)

// stored is an account as the server lists it.
type stored struct {
	name   string
	hashes []string // SHA-256 of its passwords, hex
	rules  []string // everything else, in the server's words
}

// verifier is the hash, or all of them where somebody else added some.
func (a *stored) verifier() string { return strings.Join(a.hashes, ",") }

func (a *stored) is(rule string) bool {
	for _, r := range a.rules {
		if r == rule {
			return true
		}
	}
	return false
}

// parseAccount reads a line of ACL LIST: "user NAME on #hash ~keys &channels +commands (selector)".
func parseAccount(line string) (*stored, error) {
	fields := strings.Split(line, " ")
	if len(fields) < 3 || fields[0] != "user" {
		return nil, errors.New("the server lists an account in words that are not known")
	}
	a := &stored{name: fields[1]}
	for i := 2; i < len(fields); i++ {
		rule := fields[i]
		for strings.HasPrefix(rule, "(") && !strings.HasSuffix(rule, ")") && i+1 < len(fields) {
			i++
			rule += " " + fields[i]
		}
		if hash, ok := strings.CutPrefix(rule, "#"); ok {
			a.hashes = append(a.hashes, hash)
		} else if rule != "" {
			a.rules = append(a.rules, rule)
		}
	}
	return a, nil
}

// readPassword is the agent's own password; none yet is empty.
func (e *Engine) readPassword() (string, error) {
	text, err := os.ReadFile(e.paths.password)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", internal("reading the agent's own password", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// writeAccounts makes the agent's account whole again in the server's file of accounts, whatever became of it, and the
// administrator's where it was never made. The server must not be running: it would write over it.
func (e *Engine) writeAccounts(runAs native.Account) error {
	password, err := e.readPassword()
	if err != nil {
		return err
	}
	if password == "" {
		var secret [32]byte
		if _, err := io.ReadFull(e.random, secret[:]); err != nil {
			return internal("making the agent's own password", err)
		}
		password = hex.EncodeToString(secret[:])
		if err := native.WriteFile(e.paths.password, []byte(password+"\n"), 0o600); err != nil {
			return internal("writing the agent's own password", err)
		}
	}
	text, err := os.ReadFile(e.paths.accounts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("reading the server's accounts", err)
	}
	lines := []string{fmt.Sprintf("user %s reset on #%s ~* &* +@all", agentAccount, e.catalog.Verifier(password, nil))}
	rooted := false
	for line := range strings.SplitSeq(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[1] == agentAccount {
			continue
		}
		rooted = rooted || fields[1] == rootAccount
		lines = append(lines, line)
	}
	if !rooted {
		lines = append(lines, "user "+rootAccount+" reset off")
	}
	if err := native.WriteFile(e.paths.accounts, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return internal("writing the server's accounts", err)
	}
	if err := runAs.Give(e.paths.accounts, 0o600); err != nil {
		return internal("giving away the server's accounts", err)
	}
	return nil
}
