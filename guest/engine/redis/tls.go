package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// The server cannot speak both in clear and with TLS on one port. Where TLS is required it has the instance's port to
// itself; where it is offered only, it is on the port after that one.

// PutCertificate implements engine.Certified. The server takes a certificate without a restart.
func (e *Engine) PutCertificate(ctx context.Context, files engine.TLSFiles, required bool) (bool, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	if _, err := os.Stat(e.paths.mark); err != nil {
		return false, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	former, err := e.readSettings(e.paths.tls)
	if err != nil {
		return false, err
	}
	directory, err := e.writeCertificate(files)
	if err != nil {
		return false, err
	}
	settings := e.tlsSettings(native.CertificateIn(directory), required)
	if e.running() {
		if err := e.useCertificate(ctx, settings); err != nil {
			return false, errors.Join(err, e.removeCertificates(filepath.Dir(former["tls_cert_file"])))
		}
	}
	if err := e.writeSettings(e.paths.tls, settings); err != nil {
		return false, err
	}
	return false, e.removeCertificates(directory)
}

func (e *Engine) tlsSettings(files native.Certificate, required bool) engine.Settings {
	settings := engine.Settings{
		"tls_cert_file": files.Certificate, "tls_key_file": files.Key, "tls_ca_cert_file": files.CA, "tls_auth_clients": "no",
		"tls_port": strconv.Itoa(e.host.Port + 1), "port": strconv.Itoa(e.host.Port),
	}
	if required {
		settings["tls_port"], settings["port"] = settings["port"], "0"
	}
	return settings
}

// writeCertificate puts the files into a directory of their own, named by what they hold: whatever dies in between, the
// server never finds a certificate with another one's key.
func (e *Engine) writeCertificate(files engine.TLSFiles) (directory string, err error) {
	runAs, err := e.runAs()
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, content := range [][]byte{files.Certificate, files.Key, files.CA} {
		digest.Write(content)
	}
	if err := os.MkdirAll(e.paths.certificates, 0o755); err != nil {
		return "", internal("making a directory for certificates", err)
	}
	directory = filepath.Join(e.paths.certificates, hex.EncodeToString(digest.Sum(nil)[:8]))
	return directory, native.CertificateIn(directory).Write(files, runAs)
}

// useCertificate tells the running server, which takes all of it or none. A port that changes sides is closed first.
func (e *Engine) useCertificate(ctx context.Context, wanted engine.Settings) error {
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return err
	}
	same := true
	for name := range wanted {
		same = same && running[name] == wanted[name]
	}
	if same {
		return nil
	}
	if running["port"] == wanted["tls_port"] || running["tls_port"] == wanted["port"] {
		if err := e.set(ctx, s, engine.Settings{"port": "0", "tls_port": "0"}); err != nil {
			return fault("closing the server's ports", err)
		}
	}
	if why := e.set(ctx, s, wanted); why != nil {
		back := engine.Settings{}
		for name := range wanted {
			back[name] = running[name]
		}
		return fault("giving the server its certificate", errors.Join(why, e.set(ctx, s, back)))
	}
	return nil
}

// removeCertificates removes those that are used no longer.
func (e *Engine) removeCertificates(but string) error {
	entries, err := os.ReadDir(e.paths.certificates)
	if err != nil {
		return internal("looking at former certificates", err)
	}
	for _, entry := range entries {
		if path := filepath.Join(e.paths.certificates, entry.Name()); path != but {
			if err := os.RemoveAll(path); err != nil {
				return internal("removing a former certificate", err)
			}
		}
	}
	return nil
}

// TLSRequired implements engine.Certified.
func (e *Engine) TLSRequired(context.Context) (bool, error) {
	settings, err := e.readSettings(e.paths.tls)
	return settings["port"] == "0", err
}
