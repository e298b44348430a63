package openstack_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/trovectl/trovectl/providers/emulator"
)

// requestLog keeps what was asked of a server.
type requestLog struct {
	next http.Handler
	mu   sync.Mutex
	all  []string // "GET /compute/v2.1/servers/detail"
}

func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.all = append(l.all, r.Method+" "+r.URL.Path)
	l.mu.Unlock()
	l.next.ServeHTTP(w, r)
}

func (l *requestLog) count(method, suffix string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.all {
		if strings.HasPrefix(line, method+" ") && strings.HasSuffix(line, suffix) {
			n++
		}
	}
	return n
}

// password reads the demo user's password out of the clouds.yaml that the embedded cloud writes.
func password(t *testing.T, server *emulator.Server, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "made", "clouds.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := server.WriteCloudsYAML(path); err != nil {
		t.Fatalf("writing clouds.yaml: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Clouds map[string]struct{ Auth struct{ Password string } }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Clouds["dev"].Auth.Password
}
