package postgresql

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// requiredMark is a comment in the file of TLS settings: who must use TLS is said in pg_hba.conf, which is written anew.
const requiredMark = "# required\n"

// PutCertificate implements engine.Certified. The server takes it by a reload. Files that it does not take, so that it would
// not start either, are replaced by the former ones.
func (e *Engine) PutCertificate(ctx context.Context, files engine.TLSFiles, required bool) (bool, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	former, err := e.certificateFiles()
	if err != nil {
		return false, err
	}
	if err := e.writeCertificate(files); err != nil {
		return false, err
	}
	content := formatOptions(map[string]string{"ssl": "on", "ssl_cert_file": e.paths.certificate, "ssl_key_file": e.paths.key, "ssl_ca_file": e.paths.ca})
	if required {
		content = append(content, requiredMark...)
	}
	if err := e.putTLS(ctx, content, required); err != nil {
		if former.Certificate == nil {
			return false, err
		}
		return false, errors.Join(err, e.writeCertificate(former))
	}
	return false, nil
}

// putTLS writes who must use TLS and what it is made with, and has a running server follow both.
func (e *Engine) putTLS(ctx context.Context, content []byte, required bool) error {
	before, err := os.ReadFile(e.paths.access)
	if err != nil {
		return internal("reading who may come in", err)
	}
	if err := native.WriteFile(e.paths.access, access(required), 0o644); err != nil {
		return internal("writing who may come in", err)
	}
	err = e.putFile(ctx, e.paths.tls, content)
	if err == nil {
		err = e.tlsInForce(ctx)
	}
	if err != nil {
		return errors.Join(err, native.WriteFile(e.paths.access, before, 0o644))
	}
	return nil
}

// tlsInForce asks the running server whether it has taken certificate and access file: it keeps the former ones when it
// cannot read them, and says so in its log only.
func (e *Engine) tlsInForce(ctx context.Context) error {
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
	return nil
}

func (e *Engine) certificateFiles() (files engine.TLSFiles, err error) {
	for path, content := range map[string]*[]byte{e.paths.certificate: &files.Certificate, e.paths.key: &files.Key, e.paths.ca: &files.CA} {
		if *content, err = os.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return files, internal("reading the certificate", err)
		}
	}
	return files, nil
}

// writeCertificate keeps the files where only the server's process and the agent can read them.
func (e *Engine) writeCertificate(files engine.TLSFiles) error {
	runAs, err := native.RunAsOrdinary(e.host, superuser)
	if err != nil {
		return err
	}
	directory := filepath.Dir(e.paths.key)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return internal("making the directory of certificates", err)
	}
	if err := runAs.Give(directory, 0o700); err != nil {
		return internal("giving away the directory of certificates", err)
	}
	for path, content := range map[string][]byte{e.paths.certificate: files.Certificate, e.paths.key: files.Key, e.paths.ca: files.CA} {
		if err := native.WriteFile(path, content, 0o600); err != nil {
			return internal("writing the certificate", err)
		}
		if err := runAs.Give(path, 0o600); err != nil {
			return internal("giving away the certificate", err)
		}
	}
	return nil
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
