package statetest

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// nobody has no right to anything.
const nobody = 65534

// unprivileged runs f with the rights to files that modes give to others, also when the tests run as root: on a thread of
// its own whose file system user is nobody. The thread ends with f.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	var err error
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // and never unlocked, so that no other goroutine gets this thread
		if err = syscall.Setfsuid(nobody); err == nil {
			f()
		}
	})
	done.Wait()
	if err != nil {
		t.Fatalf("becoming nobody: %v", err)
	}
}
