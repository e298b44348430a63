package machines

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in /proc/net/tcp (TCP_LISTEN in the kernel's net/tcp_states.h).
const listening = "0A"

// PortHolder names the process that listens on addr ("127.0.0.1:3306"), for example "mariadbd (pid 4711)". It returns
// "" when nobody listens there, when the process belongs to somebody whose files we may not read, or on anything but Linux.
func PortHolder(addr string) string {
	want, err := netip.ParseAddrPort(addr)
	if err != nil {
		return ""
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		for _, inode := range listeners(table, want) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	for _, pid := range allPIDs() {
		if holdsAny(pid, sockets) {
			return fmt.Sprintf("%s (pid %d)", processName(pid), pid)
		}
	}
	return ""
}

// listeners returns the inodes of the sockets in table that keep others from listening on want.
func listeners(table string, want netip.AddrPort) []string {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	var inodes []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		local, ok := parseKernelAddr(fields[1])
		if !ok || local.Port() != want.Port() {
			continue
		}
		if local.Addr() == want.Addr() || local.Addr().IsUnspecified() || want.Addr().IsUnspecified() {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

// parseKernelAddr reads "0100007F:08AE": 32-bit words in the byte order of the host (little endian wherever we run),
// then the port.
func parseKernelAddr(text string) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(text, ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok
}

func holdsAny(pid int, sockets map[string]bool) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil && sockets[target] {
			return true
		}
	}
	return false
}

func processName(pid int) string {
	comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(comm))
}
