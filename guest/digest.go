package guest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// VerifierDigest stands for the password verifier that an engine stores, outside of its guest: HMAC-SHA256 under the
// guest's digest key, in hex; empty for no verifier.
func VerifierDigest(key []byte, verifier string) string {
	if verifier == "" {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(verifier)) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil))
}
