package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/openstack"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// quick are options of a store that waits for nothing longer than a test needs.
var quick = swift.Options{Settle: -1, Pause: 5 * time.Millisecond}

// inSwift opens a store per directory, as two processes would.
func inSwift(containers func() providers.Containers, options swift.Options) statetest.Open {
	return func(_ *testing.T, dir string) state.Store {
		name := sha256.Sum256([]byte(dir))
		key := "team/" + hex.EncodeToString(name[:8])
		return swift.New(objects{containers(), "states"}, "swift://states/"+key, key, options)
	}
}

func TestStateInMemoryContainers(t *testing.T) {
	cloud := memory.New(memory.Options{}).Cloud()
	statetest.Run(t, inSwift(func() providers.Containers { return cloud.Containers }, quick))
}

// embedded is the embedded OpenStack with a client that retries as a user's does.
func embedded(t *testing.T) (*emulator.Server, *providers.Cloud) {
	t.Helper()
	dir := t.TempDir()
	front := httptest.NewUnstartedServer(nil)
	server, err := emulator.Open(emulator.Options{Dir: filepath.Join(dir, "cloud"), Endpoint: "http://" + front.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = server.Handler()
	front.Start()
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := server.WriteCloudsYAML(filepath.Join(dir, "clouds.yaml")); err != nil {
		t.Fatal(err)
	}
	stack := middleware.New(middleware.Options{Clock: hurried{}})
	cloud, err := openstack.Open(t.Context(), openstack.Options{
		Cloud: "dev", Dir: dir, Wrap: stack.Transport, PageSize: 7, Getenv: func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, cloud
}

// hurried is a clock whose pauses are short.
type hurried struct{ middleware.SystemClock }

func (h hurried) Sleep(ctx context.Context, d time.Duration) error {
	return h.SystemClock.Sleep(ctx, min(d, time.Millisecond))
}

func TestStateInEmbeddedSwift(t *testing.T) {
	_, cloud := embedded(t)
	statetest.Run(t, inSwift(func() providers.Containers { return cloud.Containers }, swift.Options{
		Settle: -1, Pause: 5 * time.Millisecond, Snapshot: 5,
	}))
}

// A put whose answer is lost is sent again by the client, and refused because the first one made the object: the commit
// is there, once.
func TestLostAnswersOfSwift(t *testing.T) {
	server, cloud := embedded(t)
	store := inSwift(func() providers.Containers { return cloud.Containers }, quick)(t, t.TempDir())
	session, err := store.Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for i, kind := range []emulator.FaultKind{emulator.FaultDropAfter, emulator.FaultDropBefore, emulator.FaultDropAfter} {
		if err := server.Inject(emulator.Fault{Service: "object-store", Method: "PUT", PathRegexp: "/commits/", Kind: kind}); err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			if err := session.Commit(t.Context(), state.Batch{}); err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
		})
		done.Wait()
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if got, err := store.Read(t.Context()); err != nil || got.Serial != 3 {
		t.Errorf("%v, %v, want serial 3", got, err)
	}
}

func TestDeniedByEmbeddedSwift(t *testing.T) {
	server, cloud := embedded(t)
	store := inSwift(func() providers.Containers { return cloud.Containers }, quick)(t, t.TempDir())
	if err := server.Inject(emulator.Fault{Service: "object-store", Method: "PUT", PathRegexp: ".", Kind: emulator.FaultStatus, Status: 403}); err != nil {
		t.Fatal(err)
	}
	_, err := store.Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
	if !errors.Is(err, state.ErrReadOnly) {
		t.Errorf("%v, want ErrReadOnly", err)
	}
	if d := stateDiagnostic(err, "swift://states/prod"); !strings.Contains(d.Hint, "right to write") {
		t.Errorf("the hint is %q", d.Hint)
	}
}

func TestSwiftAddresses(t *testing.T) {
	for address, want := range map[string]swiftAddress{
		"swift://states/prod":                              {"states", "prod", "", ""},
		"swift://states/team/prod":                         {"states", "team/prod", "", ""},
		"swift://states/prod?cloud=ops":                    {"states", "prod", "ops", ""},
		"swift://states/prod?cloud=ops+eu&region=R%2F1":    {"states", "prod", "ops eu", "R/1"},
		"swift://with space and ümlaut/prod?region=Region": {"with space and ümlaut", "prod", "", "Region"},
	} {
		got, err := parseSwift(address)
		if err != nil || got != want || got.String() != address {
			t.Errorf("%s: %+v, %v, %s", address, got, err, got)
		}
	}
	for _, address := range []string{
		"swift:", "swift:states/prod", "swift://", "swift://states", "swift://states/", "swift:///prod", "swift://states//prod",
		"swift://states/prod/", "swift://states/../prod", "swift://states/prod?colour=red", "swift://states/prod?%zz",
		"swift://states/" + strings.Repeat("x", 201),
	} {
		if got, err := parseSwift(address); err == nil {
			t.Errorf("%s: %+v was accepted", address, got)
		}
	}
	_, err := swiftBlock(&config.StateBlock{Type: "swift", Args: map[string]string{"container": "c", "key": "k", "keys": "x"}})
	if err == nil || !strings.Contains(err.Error(), `"keys"`) {
		t.Errorf("an unknown argument: %v", err)
	}
}
