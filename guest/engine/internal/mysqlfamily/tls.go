package mysqlfamily

import (
	"context"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

const tlsRequired = "require_secure_transport"

// PutCertificate implements engine.Certified.
func (e *Server) PutCertificate(ctx context.Context, files engine.TLSFiles, required bool) (pending bool, err error) {
	runAs, err := native.RunAs(e.Host, "mysql")
	if err != nil {
		return false, err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	if err := e.Paths.Certificate.Write(files, runAs); err != nil {
		return false, err
	}
	values := engine.Settings{
		"ssl_cert": e.Paths.Certificate.Certificate, "ssl_key": e.Paths.Certificate.Key, "ssl_ca": e.Paths.Certificate.CA, tlsRequired: "OFF",
	}
	if required {
		values[tlsRequired] = "ON"
	}
	if !e.Running() {
		return false, e.writeSettings(e.Paths.TLS, values)
	}
	s, err := e.Session(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	running, err := e.RunningValues(ctx, s)
	if err != nil {
		return false, err
	}
	pending, err = e.reloadTLS(ctx, s, running, values)
	if err != nil {
		return false, err
	}
	// Without a certificate in use a server that demands TLS would let nobody in: that waits too.
	if running[tlsRequired] != values[tlsRequired] && !pending {
		if err := s.Exec(ctx, "SET GLOBAL "+tlsRequired+" = "+values[tlsRequired]); err != nil {
			return false, Fault("saying who must use TLS", err)
		}
	}
	return pending, e.writeSettings(e.Paths.TLS, values)
}

// reloadTLS has the running server use the files, or tells that it cannot before it is started again.
func (e *Server) reloadTLS(ctx context.Context, s *Session, running, values engine.Settings) (pending bool, err error) {
	for _, name := range []string{"ssl_cert", "ssl_key", "ssl_ca"} {
		if running[name] == values[name] {
			continue
		}
		if !e.TLSAtOnce {
			return true, nil
		}
		if err := s.Exec(ctx, "SET GLOBAL "+name+" = "+Literal(values[name])); err != nil {
			return false, Fault("naming the certificate's files", err)
		}
	}
	return false, Fault("reading the certificate", s.Exec(ctx, e.ReloadTLS))
}

// tlsPending tells whether certificate files wait for a restart.
func (e *Server) tlsPending(ctx context.Context, s *Session) (bool, error) {
	values, err := e.readSettings(e.Paths.TLS)
	if err != nil || len(values) == 0 {
		return false, err
	}
	certificate, err := s.Value(ctx, "SELECT @@GLOBAL.ssl_cert")
	return certificate != values["ssl_cert"], err
}

// TLSRequired implements engine.Certified. Of a server that is down it is what the next start brings.
func (e *Server) TLSRequired(ctx context.Context) (bool, error) {
	if !e.Running() {
		values, err := e.readSettings(e.Paths.TLS)
		return values[tlsRequired] == "ON", err
	}
	s, err := e.Session(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	value, err := s.Value(ctx, "SELECT @@GLOBAL."+tlsRequired)
	return value == "1", Fault("asking who must use TLS", err)
}
