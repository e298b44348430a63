package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadRequests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	const log = `2026-11-21T16:27:08.415Z [DEBUG] trovectl: request: call=authenticate method=POST host=10.77.0.1:5000 path=/v3/auth/tokens ms=60 status=201
2026-11-21T16:27:08.416Z [DEBUG] trovectl: authenticated: auth_url=http://10.77.0.1:5000/v3 project=lead region=RegionOne
2026-11-21T16:27:08.575Z [DEBUG] trovectl: request: call="list volumes" method=GET host=10.77.0.1:8776 path=/v3/{id}/volumes/detail ms=157 status=200
2026-11-21T16:27:09.575Z [DEBUG] trovectl: request: call="get server" method=GET host=10.77.0.1:8774 path=/v2.1/servers/{id} ms=9 status=404
`
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := readRequests(file)
	if err != nil {
		t.Fatal(err)
	}
	table := requestTable([]errand{{"plan, nothing to do", 10, 1500 * time.Millisecond, all}})
	if want := "plan, nothing to do  10     1.5         3      1            1        1  list volumes 157, authenticate 60, get server 9"; !strings.Contains(table, want) {
		t.Errorf("no %q in\n%s", want, table)
	}
}
