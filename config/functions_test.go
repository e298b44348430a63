package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"testing"
)

// TestRSADecrypt: what a key hides is found again, and is hidden from then on.
func TestRSADecrypt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, []byte("the secret"))
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(hidden)
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	c := mustLoad(t, map[string]string{"key.pem": string(block), "main.trove.hcl": base + fmt.Sprintf(`
output "plain" {
  value = nonsensitive(rsadecrypt(%q, file("key.pem")))
}
output "hidden" {
  value     = issensitive(rsadecrypt(%q, file("key.pem")))
}
`, text, text)}, Input{})
	outs, _ := c.Outputs(nil, false)
	if len(outs) != 2 || outs[0].Value != true || outs[1].Value != "the secret" {
		t.Errorf("%+v", outs)
	}
}
