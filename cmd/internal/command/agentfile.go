package command

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/trovectl/trovectl/guest/transport/ssh"
)

// agentFile is the agent that is delivered to guests that were born without one.
type agentFile struct{ path string } // empty: beside this program

// machineNames are the architectures of Linux as uname -m names them.
var machineNames = map[elf.Machine]string{
	elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "aarch64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64",
}

// open reads the program through, for its digest and its architecture. The caller closes the file.
func (a agentFile) open() (*os.File, ssh.Parcel, error) {
	path := a.path
	if path == "" {
		var err error
		if path, err = executable("trove-guestagent"); err != nil {
			return nil, ssh.Parcel{}, fmt.Errorf("an image without an agent needs one to be delivered, named by TROVE_AGENT or guest { agent_file = ... }: %w", err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, ssh.Parcel{}, fmt.Errorf("opening the agent that is to be delivered: %w", err)
	}
	parcel, err := wrap(file)
	if err != nil {
		_ = file.Close() // only read
		return nil, ssh.Parcel{}, fmt.Errorf("the agent that is to be delivered, %s: %w", path, err)
	}
	return file, parcel, nil
}

func wrap(file *os.File) (ssh.Parcel, error) {
	program, err := elf.NewFile(file)
	if err != nil {
		return ssh.Parcel{}, fmt.Errorf("it is no program for Linux: %w", err)
	}
	machine, ok := machineNames[program.Machine]
	if !ok {
		return ssh.Parcel{}, fmt.Errorf("it is built for %s, which no guest here has", program.Machine)
	}
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return ssh.Parcel{}, fmt.Errorf("reading it: %w", err)
	}
	_, err = file.Seek(0, io.SeekStart)
	return ssh.Parcel{SHA256: hex.EncodeToString(digest.Sum(nil)), Machine: machine, Size: size, Content: file}, err
}
