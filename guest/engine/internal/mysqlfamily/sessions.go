package mysqlfamily

import (
	"context"
	"net"
	"net/netip"
	"strings"
)

// endSessions ends the sessions that an account may have opened. The server tells a session's user and where it came
// from, not which account let it in; another account of the same user that covers the same address loses its sessions too.
func (e *Server) endSessions(ctx context.Context, s *Session, name, host string) error {
	rows, err := s.Rows(ctx, "SELECT ID AS id, HOST AS host FROM information_schema.PROCESSLIST WHERE BINARY USER = "+Literal(name))
	if err != nil {
		return Fault("looking for the sessions of "+name, err)
	}
	for _, row := range rows {
		// Nobody but the agent comes in as its user over the socket.
		if !hostMatches(host, row["host"]) || e.agents(name, row["host"]) {
			continue
		}
		const noSuchThread = 1094
		if err := s.Exec(ctx, e.Kill+row["id"]); err != nil && ErrorNumber(err) != noSuchThread {
			return Fault("ending a session of "+name, err)
		}
	}
	return nil
}

// hostMatches tells whether the host part of an account covers a client, given as the process list does: "10.0.0.7:3312"
// or "localhost".
func hostMatches(pattern, client string) bool {
	if address, _, err := net.SplitHostPort(client); err == nil {
		client = address
	}
	client, pattern = strings.ToLower(client), strings.ToLower(pattern)
	if network, mask, ok := strings.Cut(pattern, "/"); ok {
		a, errA := netip.ParseAddr(network)
		m, errM := netip.ParseAddr(mask)
		c, errC := netip.ParseAddr(client)
		if errA != nil || errM != nil || errC != nil || !a.Is4() || !m.Is4() || !c.Is4() {
			return false
		}
		ab, mb, cb := a.As4(), m.As4(), c.As4()
		for i := range ab {
			if cb[i]&mb[i] != ab[i] {
				return false
			}
		}
		return true
	}
	return like(pattern, client)
}

// like is SQL's LIKE without an escape.
func like(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '%' {
		for i := 0; i <= len(text); i++ {
			if like(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	return text != "" && (pattern[0] == '_' || pattern[0] == text[0]) && like(pattern[1:], text[1:])
}
