//go:build !linux

package statetest

import "testing"

// unprivileged runs f; on this system the tests of modes tell something only when they do not run as root.
func unprivileged(_ *testing.T, f func()) { f() }
