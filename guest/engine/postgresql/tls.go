package postgresql

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// requiredMark is a comment in the file of TLS settings: who must use TLS is said in pg_hba.conf, which is written anew.
const requiredMark = "# required\n"

// PutCertificate implements engine.Certified. The server takes it by a reload.
func (e *Engine) PutCertificate(ctx context.Context, files engine.TLSFiles, required bool) (bool, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	runAs, err := native.RunAsOrdinary(e.host, superuser)
	if err != nil {
		return false, err
	}
	paths := e.paths.certificate
	if err := paths.Write(files, runAs); err != nil {
		return false, err
	}
	// Without ssl_ca_file: with it the server asks clients for certificates, and turns away those that have one of another CA.
	content := formatOptions(map[string]string{"ssl": "on", "ssl_cert_file": paths.Certificate, "ssl_key_file": paths.Key})
	if required {
		content = append(content, requiredMark...)
	}
	before, err := os.ReadFile(e.paths.access)
	if err != nil {
		return false, internal("reading who may come in", err)
	}
	if err := native.WriteFile(e.paths.access, access(required), 0o644); err != nil {
		return false, internal("writing who may come in", err)
	}
	if err = e.putFile(ctx, e.paths.tls, content); err == nil {
		err = e.shows(ctx, files.Certificate)
	}
	if err != nil {
		return false, errors.Join(err, native.WriteFile(e.paths.access, before, 0o644))
	}
	return false, nil
}

// shows asks the running server whether it has taken access file and certificate: it keeps the former ones when it cannot
// use them, and says so in its log only.
func (e *Engine) shows(ctx context.Context, certificate []byte) error {
	if !e.running() {
		return nil
	}
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	problem, err := s.value(ctx, "SELECT string_agg(error, '; ') FROM pg_hba_file_rules WHERE error IS NOT NULL")
	if err != nil {
		return fault("having the server read who may come in", err)
	}
	if problem != "" {
		return guest.Errorf(guest.KindEngine, "the server does not understand who may come in: %s", problem)
	}
	shown, err := e.shownCertificate(ctx)
	if err != nil {
		return guest.Errorf(guest.KindEngine, "the server does not speak TLS with its certificate: %v: %s", err, e.lastComplaint())
	}
	if block, _ := pem.Decode(certificate); block == nil || !bytes.Equal(block.Bytes, shown) {
		return guest.Errorf(guest.KindEngine, "the server does not take its certificate: %s", e.lastComplaint())
	}
	return nil
}

// shownCertificate is what the server shows to a client, in DER. Source: PostgreSQL, "Frontend/Backend Protocol", SSLRequest.
func (e *Engine) shownCertificate(ctx context.Context) ([]byte, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(e.host.Address, strconv.Itoa(e.host.Port)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(answersWithin)); err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
		return nil, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, fmt.Errorf("it answers %q", answer)
	}
	// Whose certificate it is follows from comparing it.
	secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured.ConnectionState().PeerCertificates[0].Raw, nil
}

// TLSRequired implements engine.Certified.
func (e *Engine) TLSRequired(context.Context) (bool, error) { return e.tlsRequired() }

func (e *Engine) tlsRequired() (bool, error) {
	text, err := os.ReadFile(e.paths.tls)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, internal("reading the settings of TLS", err)
	}
	return bytes.HasSuffix(text, []byte(requiredMark)), nil
}

// lastComplaint is the newest line of the log that tells of trouble with TLS.
func (e *Engine) lastComplaint() string {
	text, err := os.ReadFile(e.paths.server)
	if err != nil {
		return ""
	}
	for _, line := range slices.Backward(strings.Split(string(text), "\n")) {
		if _, complaint, ok := strings.Cut(line, "LOG:"); ok && strings.Contains(line, "SSL") || strings.Contains(line, "certificate") {
			return strings.TrimSpace(complaint)
		}
	}
	return ""
}
