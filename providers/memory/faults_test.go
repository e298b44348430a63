package memory_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
)

func mark(intent string) providers.Mark {
	return providers.Mark{Lineage: "abcd0123", Member: "m1", Intent: intent}
}

func createVolume(t *testing.T, cloud *memory.Cloud, name string) (providers.Volume, error) {
	t.Helper()
	return cloud.Cloud().Volumes.Create(t.Context(), providers.VolumeSpec{Mark: mark(name), Name: name, SizeGiB: 1})
}

func TestFaultsStrikeWhenTheyAreTold(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault memory.Fault
		want  []bool // whether each of four creates succeeds
		made  int
		sent  bool
	}{
		{"the next", memory.Fault{Call: "create volume", Kind: providers.KindTransient}, []bool{false, true, true, true}, 3, false},
		{"the second and third", memory.Fault{Call: "create volume", Nth: 2, Times: 2, Kind: providers.KindConflict}, []bool{true, false, false, true}, 2, true},
		{"all", memory.Fault{Times: -1, Kind: providers.KindDenied}, []bool{false, false, false, false}, 0, true},
		{"another call", memory.Fault{Call: "create port", Kind: providers.KindDenied}, []bool{true, true, true, true}, 4, true},
		{"one object", memory.Fault{Call: "create volume", Subject: "c", Kind: providers.KindQuota}, []bool{true, true, false, true}, 3, true},
		{"the answer is lost", memory.Fault{Call: "create volume", When: memory.After, Kind: providers.KindTransient}, []bool{false, true, true, true}, 4, true},
		{"the request is lost", memory.Fault{Call: "create volume", When: memory.Lost, Kind: providers.KindTransient}, []bool{false, true, true, true}, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := memory.New(memory.Options{})
			cloud.Fail(c.fault)
			var got []bool
			for _, name := range []string{"a", "b", "c", "d"} {
				_, err := createVolume(t, cloud, name)
				got = append(got, err == nil)
				var e *providers.Error
				if errors.As(err, &e) && (e.Kind != c.fault.Kind || e.Sent != c.sent) {
					t.Errorf("%s: got kind %q, sent %v, want %q, %v", name, e.Kind, e.Sent, c.fault.Kind, c.sent)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("successes (-want +got):\n%s", diff)
			}
			if n := len(cloud.Objects().Volumes); n != c.made {
				t.Errorf("there are %d volumes, want %d", n, c.made)
			}
			cloud.Heal()
			if _, err := createVolume(t, cloud, "e"); err != nil {
				t.Errorf("after Heal: %v", err)
			}
		})
	}
}

func TestAHiddenObjectTurnsUpLater(t *testing.T) {
	cloud := memory.New(memory.Options{})
	cloud.Fail(memory.Fault{Call: "create volume", Hidden: 2, When: memory.After, Kind: providers.KindTransient})
	if _, err := createVolume(t, cloud, "late"); !providers.IsKind(err, providers.KindTransient) {
		t.Fatalf("got %v", err)
	}
	var seen []int
	for range 3 {
		all, err := cloud.Cloud().Volumes.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, len(all))
	}
	if diff := cmp.Diff([]int{0, 0, 1}, seen); diff != "" || len(cloud.Objects().Volumes) != 1 {
		t.Errorf("volumes seen (-want +got):\n%s", diff)
	}
}

func TestHooksFollowAServersLife(t *testing.T) {
	cloud := memory.New(memory.Options{})
	services := cloud.Cloud()
	var events []string
	cloud.OnServerActive = func(server providers.Server, userData []byte) {
		if got, err := services.Servers.Get(t.Context(), server.ID); err != nil || got.Status == "ACTIVE" {
			t.Errorf("the hook runs when the server is %q already: %v", got.Status, err)
		}
		events = append(events, "up "+string(userData))
	}
	cloud.OnServerDown = func(providers.Server) { events = append(events, "down") }
	flavors, err := services.Flavors.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	images, err := services.Images.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := services.Servers.Create(t.Context(), providers.ServerSpec{
		Mark: mark("i1"), Name: "s", FlavorID: flavors[0].ID, ImageID: images[0].ID, UserData: []byte("data"),
	})
	if err != nil {
		t.Fatal(err)
	}
	wait := func(status string) {
		t.Helper()
		_, err := services.ServerWaits.Wait(t.Context(), server.ID, func(s providers.Server, present bool) (bool, error) {
			return present == (status != "") && s.Status == status && s.TaskState == "", nil
		})
		if err != nil {
			t.Fatalf("waiting for %q: %v", status, err)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wait("ACTIVE")
	ok(services.ServerActions.Stop(t.Context(), server.ID))
	wait("SHUTOFF")
	ok(services.ServerActions.Start(t.Context(), server.ID))
	wait("ACTIVE")
	ok(services.ServerActions.Reboot(t.Context(), server.ID, true))
	wait("ACTIVE")
	ok(services.Servers.Delete(t.Context(), server.ID))
	wait("")
	want := []string{"up data", "down", "up data", "down", "up data", "down"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestDyingInAHookLeavesAWholeCloud(t *testing.T) {
	cloud := memory.New(memory.Options{})
	for _, moment := range []string{"before", "after"} {
		ctx, cancel := context.WithCancel(t.Context())
		cloud.OnCall = func(call string) {
			if call == "create volume" && moment == "before" {
				cancel()
			}
		}
		cloud.OnDone = func(call string) {
			if call == "create volume" && moment == "after" {
				panic("killed")
			}
		}
		died := func() (died bool) {
			defer func() { died = recover() != nil }()
			_, err := cloud.Cloud().Volumes.Create(ctx, providers.VolumeSpec{Mark: mark(moment), Name: moment, SizeGiB: 1})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v", moment, err)
			}
			return false
		}()
		cancel()
		cloud.OnCall, cloud.OnDone = nil, nil
		made := slices.ContainsFunc(cloud.Objects().Volumes, func(v providers.Volume) bool { return v.Name == moment })
		if died != (moment == "after") || made != died {
			t.Errorf("%s: died %v, made %v", moment, died, made)
		}
	}
	if _, err := cloud.Cloud().Volumes.List(t.Context()); err != nil {
		t.Errorf("the cloud is stuck: %v", err)
	}
}

func TestTheSameCallsGiveTheSameWorld(t *testing.T) {
	build := func() memory.World {
		cloud := memory.New(memory.Options{})
		for _, name := range []string{"a", "b"} {
			if _, err := createVolume(t, cloud, name); err != nil {
				t.Fatal(err)
			}
			if _, err := cloud.Cloud().Volumes.List(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return cloud.Objects()
	}
	if diff := cmp.Diff(build(), build()); diff != "" {
		t.Errorf("two worlds differ:\n%s", diff)
	}
}

func TestAWaitThatGetsNowhereEnds(t *testing.T) {
	cloud := memory.New(memory.Options{MaxTicks: 150})
	cloud.Fail(memory.Fault{Call: "create volume", Build: "NEVER"})
	v, err := createVolume(t, cloud, "stuck")
	if err != nil {
		t.Fatal(err)
	}
	got, err := cloud.Cloud().VolumeWaits.Wait(t.Context(), v.ID, func(v providers.Volume, _ bool) (bool, error) { return v.Status == "available", nil })
	if !errors.Is(err, context.DeadlineExceeded) || got.Status != "creating" {
		t.Errorf("got status %q and %v", got.Status, err)
	}
}
