package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAgentFile: a program is known by its digest and by the machines that run it, whoever built it.
func TestAgentFile(t *testing.T) {
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	const machineOffset = 18 // of e_machine in an ELF header (elf(5)), two bytes
	for name, machine := range map[string]byte{"x86_64": 62, "aarch64": 183} {
		program[machineOffset], program[machineOffset+1] = machine, 0
		path := filepath.Join(t.TempDir(), "agent")
		if err := os.WriteFile(path, program, 0o600); err != nil {
			t.Fatal(err)
		}
		file, parcel, err := agentFile{path}.open()
		if err != nil {
			t.Fatal(err)
		}
		sent, err := io.ReadAll(parcel.Content)
		_ = file.Close()
		sum := sha256.Sum256(program)
		if err != nil || !bytes.Equal(sent, program) || parcel.Size != int64(len(program)) || parcel.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %d of %d bytes, digest %s, %v", name, len(sent), parcel.Size, parcel.SHA256, err)
		}
		if parcel.Machine != name {
			t.Errorf("the machine is %s, want %s", parcel.Machine, name)
		}
	}
}

func TestAgentFile_refused(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		script:                       "no program for Linux",
		filepath.Join(dir, "nobody"): "opening the agent",
		dir:                          dir,
		"":                           "TROVE_AGENT", // nothing lies beside a test
	} {
		if _, _, err := (agentFile{path}).open(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", path, err, says)
		}
	}
}
