package image

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// agent is the binary that goes into the image.
type agent struct{ path, version string }

// openAgent checks that the binary runs in any guest of the image's architecture.
func openAgent(ctx context.Context, name string) (agent, error) {
	file, err := elf.Open(name)
	if os.IsNotExist(err) {
		return agent{}, fmt.Errorf("there is no agent at %s: `make build` makes bin/trove-guestagent; name it with -agent", name)
	}
	if err != nil {
		return agent{}, fmt.Errorf("%s is not a program for Linux: %w", name, err)
	}
	defer func() { _ = file.Close() }() // only read
	if file.Machine != elf.EM_X86_64 {
		return agent{}, fmt.Errorf("the agent %s is built for %s; the image is for %s (GOARCH=%s)", name, file.Machine, Architecture, debianArchitecture)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return agent{}, fmt.Errorf("the agent %s is not static: the image may have another C library (build it with CGO_ENABLED=0)", name)
		}
	}
	out, err := exec.CommandContext(ctx, name, "version").Output()
	version, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "trove-guestagent ")
	if err != nil || !ok {
		return agent{}, fmt.Errorf("%s does not say which agent it is (`trove-guestagent version`)", name)
	}
	return agent{path: name, version: version}, nil
}
