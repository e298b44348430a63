package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is printed into the golden files")

func TestProvidersSchema(t *testing.T) {
	const golden = "testdata/schema.golden.json"
	var out, problems bytes.Buffer
	if code := Main([]string{"providers", "schema", "-json"}, Streams{In: strings.NewReader(""), Out: &out, Err: &problems}, nil); code != exitOK {
		t.Fatalf("exit code %d: %s", code, problems.String())
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("run the test with -update and read the difference (-want +got):\n%s", diff)
	}
	if code := Main([]string{"providers", "schema"}, Streams{In: strings.NewReader(""), Out: &out, Err: &problems}, nil); code != exitError {
		t.Errorf("without -json: exit code %d", code)
	}
}
