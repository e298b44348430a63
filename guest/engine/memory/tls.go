package memory

import (
	"context"
	"crypto/tls"
	"crypto/x509"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// tlsState is what an engine remembers of its certificate.
type tlsState struct {
	Certificate []byte `json:"certificate,omitempty"` // PEM
	Required    bool   `json:"required,omitempty"`
}

// PutCertificate implements engine.Certified. Nobody connects, so that nothing waits for a restart.
func (e *Engine) PutCertificate(_ context.Context, files engine.TLSFiles, required bool) (bool, error) {
	if _, err := tls.X509KeyPair(files.Certificate, files.Key); err != nil {
		return false, guest.Errorf(guest.KindInvalid, "the certificate and its key: %v", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(files.CA) {
		return false, guest.Errorf(guest.KindInvalid, "the certificate of the CA is not in PEM")
	}
	leave, err := e.open()
	if err != nil {
		return false, err
	}
	defer leave()
	e.tls = tlsState{files.Certificate, required}
	return false, e.keep()
}

// TLSRequired implements engine.Certified.
func (e *Engine) TLSRequired(context.Context) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tls.Required, nil
}
