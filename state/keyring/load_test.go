package keyring_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/trovectl/trovectl/state/keyring"
)

func keyBytes() []byte {
	raw := make([]byte, keyring.KeySize)
	for i := range raw {
		raw[i] = byte(200 + i) // bytes that differ in the two alphabets of base64
	}
	return raw
}

func check(m *keyring.Master) string { return m.Ring(lineage).KeyCheck() }

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func TestFormsOfAKey(t *testing.T) {
	raw := keyBytes()
	want := check(keyring.NewMaster([keyring.KeySize]byte(raw)))
	for name, text := range map[string]string{
		"hex": hex.EncodeToString(raw), "HEX": strings.ToUpper(hex.EncodeToString(raw)), "spaces": " " + hex.EncodeToString(raw) + "\n",
		"base64": base64.StdEncoding.EncodeToString(raw), "raw base64": base64.RawStdEncoding.EncodeToString(raw),
		"base64url": base64.URLEncoding.EncodeToString(raw), "raw base64url": base64.RawURLEncoding.EncodeToString(raw),
	} {
		m, err := keyring.Load(keyring.Options{Env: map[string]string{"TROVE_KEY": text}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if check(m) != want || m.From() != "TROVE_KEY" || m.Created() || m.Warnings() != nil {
			t.Errorf("%s: from %s, created %t, warnings %v, right key %t", name, m.From(), m.Created(), m.Warnings(), check(m) == want)
		}
	}
}

func TestBadKeysAreNotQuoted(t *testing.T) {
	for name, text := range map[string]string{
		"short": hex.EncodeToString(keyBytes()[:31]), "long": hex.EncodeToString(keyBytes()) + "00", "words": "correct horse battery staple",
		"odd": hex.EncodeToString(keyBytes())[1:], "zeros": strings.Repeat("0", 64), "blank": " \n",
	} {
		_, err := keyring.Load(keyring.Options{Env: map[string]string{"TROVE_KEY": text}})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if trimmed := strings.TrimSpace(text); trimmed != "" && strings.Contains(err.Error(), trimmed[:6]) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	write(t, path, hex.EncodeToString(keyBytes())+"\n", 0o600)
	o := keyring.Options{Env: map[string]string{"TROVE_KEY_FILE": path}}
	m, err := keyring.Load(o)
	if err != nil || m.From() != path || m.Warnings() != nil {
		t.Fatalf("loading: %v, %v", m, err)
	}
	write(t, path, hex.EncodeToString(keyBytes()), 0o640)
	if m, err = keyring.Load(o); err != nil || len(m.Warnings()) != 1 || !strings.Contains(m.Warnings()[0], "chmod 600") {
		t.Errorf("a key that the group may read: %v", err)
	}
	o.Env["TROVE_KEY"] = hex.EncodeToString(keyBytes())
	if _, err := keyring.Load(o); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Errorf("both set: %v", err)
	}
	for name, path := range map[string]string{"missing": filepath.Join(dir, "no"), "a directory": dir} {
		_, err := keyring.Load(keyring.Options{Env: map[string]string{"TROVE_KEY_FILE": path}, StatePath: filepath.Join(dir, "s"), AllowCreate: true})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
	}
}

func TestKeyBesideTheState(t *testing.T) {
	dir := t.TempDir()
	o := keyring.Options{StatePath: filepath.Join(dir, "trove.db")}
	if _, err := keyring.Load(o); !errors.Is(err, keyring.ErrMissing) {
		t.Errorf("not allowed to make one: %v, want ErrMissing", err)
	}
	o.AllowCreate = true
	first, err := keyring.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keyring.FileName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || !first.Created() || first.From() != path {
		t.Errorf("made: %v %v, created %t from %s", info, err, first.Created(), first.From())
	}
	write(t, o.StatePath, "x", 0o600)
	second, err := keyring.Load(o)
	if err != nil || second.Created() || check(second) != check(first) {
		t.Errorf("the second time: %v, created %t, same key %t", err, second.Created(), check(second) == check(first))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = keyring.Load(o)
	if !errors.Is(err, keyring.ErrMissing) || !strings.Contains(err.Error(), "open none of its instances") {
		t.Errorf("no key beside a state that is there: %v, want ErrMissing that says why none is made", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a key was made beside a state that is there")
	}
	if _, err := keyring.Load(keyring.Options{AllowCreate: true}); !errors.Is(err, keyring.ErrMissing) {
		t.Errorf("a state that is not a file: %v, want ErrMissing", err)
	}
}

func TestTwoFirstAppliesMakeOneKey(t *testing.T) {
	o := keyring.Options{StatePath: filepath.Join(t.TempDir(), "trove.db"), AllowCreate: true}
	checks := make([]string, 8)
	var done sync.WaitGroup
	for i := range checks {
		done.Go(func() {
			m, err := keyring.Load(o)
			if err != nil {
				t.Errorf("loading: %v", err)
				return
			}
			checks[i] = check(m)
		})
	}
	done.Wait()
	for _, c := range checks {
		if c != checks[0] {
			t.Fatalf("two keys: %v", checks)
		}
	}
}

func TestASourceThatFailsLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	_, err := keyring.Load(keyring.Options{StatePath: filepath.Join(dir, "trove.db"), AllowCreate: true, Random: strings.NewReader("short")})
	if err == nil {
		t.Fatal("a key was made of five bytes")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
