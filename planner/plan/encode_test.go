package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

func sample() *plan.Plan {
	shop := resource.Address{Kind: resource.KindDatabase, Name: "shop", Key: resource.TextKey(`a "b" \ü`)}
	user := resource.Address{Kind: resource.KindUser, Name: "app"}
	orders := resource.Address{Kind: resource.KindInstance, Name: "orders"}
	before := &resource.Database{Instance: orders, Name: "shop"}
	return &plan.Plan{
		Format: plan.Format, Mode: plan.ModeApply, Lineage: "aaaaaaaabbbbbbbbccccccccdd", Serial: 7, ConfigDigest: "c0ffee",
		Cloud: plan.Cloud{Name: "dev", AuthURL: "http://c.invalid", ProjectID: "p", Region: "R"}, State: "bbolt:trove.db",
		Steps: []plan.Step{
			{
				ID: "update " + shop.String(), Action: plan.Update, Address: shop, Reason: plan.Reason{Code: plan.ReasonChanged}, Impact: resource.Online,
				Changes: []plan.Change{{Path: "charset", After: "utf8mb4", Impact: resource.Online}}, Before: plan.Body{Body: before}, After: plan.Body{Body: before},
			},
			{
				ID: "create user.app", Action: plan.Create, Address: user, Reason: plan.Reason{Code: plan.ReasonNew}, Impact: resource.Online,
				After: plan.Body{Body: &resource.User{
					Instance: orders, Name: "app", Host: "%",
					Password: &resource.Password{Secret: resource.NewSecret("hunter2"), Verifier: resource.NewSecret("*ABC"), Digest: "d1"},
				}},
				Needs: []string{"update " + shop.String()},
			},
			{
				ID: "delete_orphan server x", Action: plan.DeleteOrphan, Reason: plan.Reason{Code: plan.ReasonOrphan}, Impact: resource.Online,
				Orphan: &plan.Object{Service: "server", ID: "x"},
			},
		},
		Prior:     []plan.Recorded{{Address: shop, Body: plan.Body{Body: before}, Computed: map[string]string{"size": "5"}}},
		Variables: map[string]any{"zones": []any{"a", json.Number("1.50")}},
	}
}

func encoded(t testing.TB, p *plan.Plan) []byte {
	t.Helper()
	data, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEncode_roundTripAndNoSecret(t *testing.T) {
	data := encoded(t, sample())
	if bytes.Contains(data, []byte("hunter2")) || bytes.Contains(data, []byte("*ABC")) {
		t.Errorf("the plan holds a secret:\n%s", data)
	}
	back, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if again := encoded(t, back); !bytes.Equal(again, data) {
		t.Errorf("it reads back as another plan:\n%s", again)
	}
	if plan.Digest(back) != plan.Digest(sample()) || len(plan.Digest(back)) != 64 {
		t.Errorf("digests are %s and %s", plan.Digest(back), plan.Digest(sample()))
	}
	other := sample()
	other.Serial++
	if plan.Digest(other) == plan.Digest(sample()) {
		t.Error("another plan has the same digest")
	}
}

func TestDecode_refuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		want   string
	}{
		{"another format", func(p map[string]any) { p["format"] = 0 }, "the format is 0"},
		{"a mode", func(p map[string]any) { p["mode"] = "maybe" }, `no mode "maybe"`},
		{"an unknown field", func(p map[string]any) { p["extra"] = 1 }, "unknown field"},
		{"an unknown field of a body", func(p map[string]any) {
			step(p, 1)["after"].(map[string]any)["body"].(map[string]any)["password_plain"] = "x"
		}, "unknown field"},
		{"an action", func(p map[string]any) { step(p, 0)["action"] = "explode" }, "which there is not"},
		{"a need before its time", func(p map[string]any) { step(p, 0)["needs"] = []string{"create user.app"} }, "no step before it"},
		{"a step twice", func(p map[string]any) { step(p, 1)["id"] = step(p, 0)["id"] }, "stands twice"},
		{"a create of nothing", func(p map[string]any) { delete(step(p, 1), "after") }, "does not say what"},
		{"a body of another kind", func(p map[string]any) { step(p, 1)["address"] = "database.x" }, "does not say what"},
		{"a prior of nothing", func(p map[string]any) { delete(p["prior"].([]any)[0].(map[string]any), "body") }, "does not say what"},
		{"an orphan of nothing", func(p map[string]any) { delete(step(p, 2), "orphan") }, "names no orphan"},
		{"a bad address", func(p map[string]any) { step(p, 1)["address"] = "user" }, "address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p map[string]any
			if err := json.Unmarshal(encoded(t, sample()), &p); err != nil {
				t.Fatal(err)
			}
			c.change(p)
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := plan.Decode(data); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := plan.Decode([]byte(`{"format": 2, "what": "ever"}`)); !errors.Is(err, plan.ErrNewer) {
		t.Errorf("a newer plan: %v", err)
	}
	if _, err := plan.Decode(append(encoded(t, sample()), "{}"...)); err == nil {
		t.Error("something after its end is let in")
	}
}

func step(p map[string]any, i int) map[string]any { return p["steps"].([]any)[i].(map[string]any) }

// FuzzDecode: untrusted bytes never panic, and what is read encodes to what reads back the same.
func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, sample()))
	f.Add([]byte(`{"format":1,"mode":"apply","lineage":"","serial":0,"config_digest":"","cloud":{"auth_url":"","project_id":"","project_name":"","region":""},"state":"","unchanged":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Decode(data)
		if err != nil {
			return
		}
		first := encoded(t, p)
		again, err := plan.Decode(first)
		if err != nil {
			t.Fatalf("what was read does not read back: %v\n%s", err, first)
		}
		if second := encoded(t, again); !bytes.Equal(first, second) {
			t.Fatalf("it changes when it is written again:\n%s\n%s", first, second)
		}
		p.Empty()
		p.Counts()
	})
}
