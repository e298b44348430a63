package machines

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

const versionTimeout = 10 * time.Second

// A probe finds the installations of one engine.
type probe struct {
	engine   string
	binaries []string       // names to look up, absolute patterns too
	version  *regexp.Regexp // its first group is the version in what --version prints
}

// The versions are those that Trove's datastores use: two numbers, and one for PostgreSQL since 10.
var probes = []probe{
	{"mariadb", []string{"mariadbd", "/usr/sbin/mariadbd"}, regexp.MustCompile(`Ver (\d+\.\d+)\.\d+-MariaDB`)},
	{"mysql", []string{"mysqld", "/usr/sbin/mysqld"}, regexp.MustCompile(`Ver (\d+\.\d+)\.\d+\S* for \S+ on \S+ \((?:MySQL|\(Ubuntu)`)},
	{"percona", []string{"mysqld", "/usr/sbin/mysqld"}, regexp.MustCompile(`Ver (\d+\.\d+)\.\d+\S* for \S+ on \S+ \(Percona`)},
	{"postgresql", []string{"/usr/lib/postgresql/*/bin/postgres"}, regexp.MustCompile(`PostgreSQL\) (\d+)`)},
	{"redis", []string{"redis-server", "/usr/sbin/redis-server"}, regexp.MustCompile(`^Redis server v=(\d+\.\d+)`)},
	{"valkey", []string{"valkey-server", "/usr/sbin/valkey-server"}, regexp.MustCompile(`^Valkey server v=(\d+\.\d+)`)},
}

// installedEngines asks every engine found on this computer for its version. One that does not say is not offered.
func installedEngines() []string {
	names := []string{}
	for _, p := range probes {
		for _, binary := range p.find() {
			if version := p.ask(binary); version != "" {
				names = append(names, p.engine+"-"+version)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (p probe) find() []string {
	var found []string
	for _, name := range p.binaries {
		if !filepath.IsAbs(name) {
			if path, err := exec.LookPath(name); err == nil {
				found = append(found, path)
			}
			continue
		}
		paths, err := filepath.Glob(name)
		if err == nil {
			found = append(found, paths...)
		}
	}
	return found
}

func (p probe) ask(binary string) string {
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return ""
	}
	match := p.version.FindSubmatch(output)
	if match == nil {
		return ""
	}
	return string(match[1])
}
