package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FileName is the name of the key file beside a state.
const FileName = "trove.key"

// ErrMissing is that there is no master key and none may be made.
var ErrMissing = errors.New("there is no master key")

// Options say where a master key may be.
type Options struct {
	// Env is the environment: TROVE_KEY is the key as 64 hex digits or base64, TROVE_KEY_FILE a file with that.
	Env map[string]string
	// StatePath is the file of the state; trove.key stands beside it. Empty: the state is not a file.
	StatePath string
	// AllowCreate allows a key to be made beside a state that is not there yet.
	AllowCreate bool
	// Random is where a new key comes from; nil: the operating system.
	Random io.Reader
}

// Load finds the master key: in TROVE_KEY, in the file TROVE_KEY_FILE, or in trove.key beside the state. When there is
// none it makes trove.key, if that is allowed and there is no state yet; else it is ErrMissing. No error tells anything of
// a key.
func Load(o Options) (*Master, error) {
	text, path := o.Env["TROVE_KEY"], o.Env["TROVE_KEY_FILE"]
	switch {
	case text != "" && path != "":
		return nil, errors.New("TROVE_KEY and TROVE_KEY_FILE are both set; set one of them")
	case text != "":
		key, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("reading the master key from TROVE_KEY: %w", err)
		}
		return &Master{key: hide(key), from: "TROVE_KEY"}, nil
	case path != "":
		return readFile(path)
	case o.StatePath == "":
		return nil, fmt.Errorf("%w: set TROVE_KEY or TROVE_KEY_FILE (32 random bytes: `openssl rand -hex 32`)", ErrMissing)
	}
	path = filepath.Join(filepath.Dir(o.StatePath), FileName)
	master, err := readSettled(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, err
	}
	return o.create(path)
}

func (o Options) create(path string) (*Master, error) {
	if !o.AllowCreate {
		return nil, fmt.Errorf("%w: %s is not there, and neither TROVE_KEY nor TROVE_KEY_FILE is set", ErrMissing, path)
	}
	if _, err := os.Stat(o.StatePath); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not there, but the state %s is, and a new key would open none of its instances; "+
			"give the key that made them, by TROVE_KEY or TROVE_KEY_FILE or as %s", ErrMissing, path, o.StatePath, path)
	}
	source := o.Random
	if source == nil {
		source = rand.Reader
	}
	var key [KeySize]byte
	if _, err := io.ReadFull(source, key[:]); err != nil {
		return nil, fmt.Errorf("making a master key: %w", err)
	}
	err := writeFile(path, hex.EncodeToString(key[:])+"\n")
	if errors.Is(err, fs.ErrExist) { // another first apply made it in the meantime
		return readSettled(path)
	}
	if err != nil {
		return nil, fmt.Errorf("making a master key: %w", err)
	}
	return &Master{key: hide(key), from: path, created: true}, nil
}

// writeFile makes a file that was not there, durable on return, or leaves nothing.
func writeFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

const (
	// settleTime is how long an empty key file is taken for one that another first apply is about to write; settlePause
	// is the pause between two looks.
	settleTime  = 500 * time.Millisecond
	settlePause = 5 * time.Millisecond
)

// readSettled reads a key file that another process may be making.
func readSettled(path string) (*Master, error) {
	for start := time.Now(); ; time.Sleep(settlePause) {
		master, err := readFile(path)
		if !errors.Is(err, errEmpty) {
			return master, err
		}
		if time.Since(start) > settleTime {
			return nil, fmt.Errorf("%w; if there is no state yet, remove the file and run again", err)
		}
	}
}

// maxFile is far more than any key; a path that was mixed up is not read in whole.
const maxFile = 4096

func readFile(path string) (_ *Master, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the master key from %s: %w", path, err)
		}
	}()
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // opened for reading
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	key, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	master := &Master{key: hide(key), from: path}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		master.warnings = append(master.warnings,
			fmt.Sprintf("others may read the master key in %s (mode %04o); run `chmod 600 %s`", path, mode, path))
	}
	return master, nil
}

var (
	errForm  = fmt.Errorf("want %d bytes as %d hex digits or as base64", KeySize, 2*KeySize)
	errEmpty = fmt.Errorf("it is empty; %w", errForm)
)

func parse(text string) (key [KeySize]byte, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return key, errEmpty
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		raw, err = base64.RawStdEncoding.DecodeString(plain)
	}
	if err != nil {
		return key, errForm // without the decoder's words, which quote the key
	}
	if len(raw) != KeySize {
		return key, fmt.Errorf("it has %d bytes; %w", len(raw), errForm)
	}
	if key = [KeySize]byte(raw); key == ([KeySize]byte{}) {
		return key, errors.New("it is all zeros; make one with `openssl rand -hex 32`")
	}
	return key, nil
}
