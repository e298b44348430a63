package native

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Certificate are the absolute paths of the files that a server reads: always the same below one directory.
type Certificate struct{ Certificate, Key, CA string }

// CertificateIn are the paths below a directory.
func CertificateIn(directory string) Certificate {
	return Certificate{
		Certificate: filepath.Join(directory, "server.crt"), Key: filepath.Join(directory, "server.key"), CA: filepath.Join(directory, "ca.crt"),
	}
}

// Write puts the files in place, each as a whole, where the server can read them and nobody else can read the key. Files
// that no server could use are KindInvalid, and nothing is written.
func (c Certificate) Write(files engine.TLSFiles, as Account) error {
	if _, err := tls.X509KeyPair(files.Certificate, files.Key); err != nil {
		return guest.Errorf(guest.KindInvalid, "the certificate cannot be used: %v", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(files.CA) {
		return guest.Errorf(guest.KindInvalid, "the certificate of the CA cannot be used: it is not in PEM")
	}
	if err := c.write(files, as); err != nil {
		return guest.Errorf(guest.KindInternal, "writing the certificate's files: %v", err)
	}
	return nil
}

func (c Certificate) write(files engine.TLSFiles, as Account) error {
	directory := filepath.Dir(c.Key)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	if err := as.Give(directory, 0o700); err != nil {
		return fmt.Errorf("giving the directory to the server: %w", err)
	}
	for _, f := range []struct {
		path    string
		content []byte
		mode    os.FileMode
	}{{c.Key, files.Key, 0o600}, {c.CA, files.CA, 0o644}, {c.Certificate, files.Certificate, 0o644}} {
		if err := WriteFile(f.path, f.content, f.mode); err != nil {
			return err
		}
		if err := as.Give(f.path, f.mode); err != nil {
			return fmt.Errorf("giving %s to the server: %w", f.path, err)
		}
	}
	return nil
}
