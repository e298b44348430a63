package agent

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trovectl/trovectl/guest"
)

// identity is what the agent has become since it was born. It is a file of mode 0600 on the server's own disk: it holds
// the digest key and the login to the broker, and it must be readable before the data volume is.
type identity struct {
	Generation int    `json:"generation"`
	DigestKey  string `json:"digest_key"` // hex
	VolumeID   string `json:"volume_id,omitempty"`
	Prepared   bool   `json:"prepared"`
	// Broker is how the agent logs in to its message broker, nil: it has none; Former is the login before.
	Broker *guest.BrokerConfig `json:"broker,omitempty"`
	Former *guest.BrokerConfig `json:"former,omitempty"`
}

const digestKeyBytes = 32

func readBorn(path string) (guest.AgentConfig, error) {
	var born guest.AgentConfig
	text, err := os.ReadFile(path)
	if err != nil {
		return born, fmt.Errorf("reading the agent's configuration: %w", err)
	}
	if err := json.Unmarshal(text, &born); err != nil {
		return born, fmt.Errorf("reading the agent's configuration %s: malformed JSON or a wrong type", path)
	}
	if born.Member == "" || born.Engine == "" {
		return born, fmt.Errorf("reading the agent's configuration %s: member and engine are required", path)
	}
	// A guest may be born without a digest key: the first rotation brings it.
	if _, err := digestKey(born.DigestKey); err != nil && born.DigestKey != "" {
		return born, fmt.Errorf("reading the agent's configuration %s: %w", path, err)
	}
	return born, nil
}

func readIdentity(path string, born guest.AgentConfig) (identity, error) {
	now := identity{Generation: born.Generation, DigestKey: born.DigestKey, Broker: born.Broker}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return now, nil
	}
	if err != nil {
		return now, fmt.Errorf("reading the agent's identity: %w", err)
	}
	now.Broker = nil // what is in the file is all that counts
	if err := json.Unmarshal(text, &now); err != nil {
		return now, fmt.Errorf("reading the agent's identity %s: malformed JSON or a wrong type", path)
	}
	if _, err := digestKey(now.DigestKey); err != nil && now.DigestKey != "" {
		return now, fmt.Errorf("reading the agent's identity %s: %w", path, err)
	}
	return now, nil
}

func (i identity) write(path string) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("encoding the agent's identity: %w", err)
	}
	if err := writeFile(path, text, 0o600); err != nil {
		return fmt.Errorf("writing the agent's identity: %w", err)
	}
	return nil
}

func digestKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != digestKeyBytes {
		return nil, guest.Errorf(guest.KindInvalid, "a digest key is %d bytes in hex", digestKeyBytes)
	}
	return key, nil
}

// writeFile puts text into a file so that a crash leaves the old content or the new one.
func writeFile(path string, text []byte, mode os.FileMode) error {
	temp := path + ".new"
	if err := writeSynced(temp, text, mode); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, text []byte, mode os.FileMode) error {
	// A leftover of an earlier life may have another mode.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
