package native

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileReplacesAsAWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"first", "second"} {
		if err := WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if err := WriteFile(filepath.Join(path, "x"), nil, 0o644); err == nil {
		t.Error("a file below a file was written")
	}
}

func TestStartedAt(t *testing.T) {
	at, err := StartedAt(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	boot, err := StartedAt(1)
	if err != nil || boot.After(at) {
		t.Errorf("process 1 started at %v, %v, after ours at %v", boot, err, at)
	}
	if _, err := StartedAt(-1); err == nil {
		t.Error("a process that cannot be has a start")
	}
}
