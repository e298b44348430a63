package executor_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
)

// An image file of a test holds its own name; "changed" is one that was rewritten since it was planned, "lost" is not there.
func openImage(name string) (executor.ImageFile, error) {
	if name == "lost" {
		return executor.ImageFile{}, errors.New("there is no such file")
	}
	digest := digestOf(name)
	if name == "changed" {
		digest = digestOf("now another")
	}
	return executor.ImageFile{
		Spec: providers.ImageSpec{Name: "mariadb-10.11", Properties: map[string]string{providers.ImageDigest: digest}},
		Data: closing{bytes.NewReader([]byte(name))}, Size: int64(len(name)),
	}, nil
}

type closing struct{ io.ReadSeeker }

func (closing) Close() error { return nil }

func digestOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (w *world) uploads() int { return w.cloud.Calls()["upload image"] }

func TestAFileBecomesTheImageOfTheInstance(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one", file: "one"})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	images, servers := w.cloud.Objects().Images, w.cloud.Objects().Servers
	if len(images) != 1 || len(servers) != 1 || servers[0].ImageID != images[0].ID {
		t.Fatalf("the server has image %s; uploaded are %+v", servers[0].ImageID, images)
	}
	if got := w.record("instance.orders").Computed["image_id"]; got != images[0].ID {
		t.Errorf("recorded is image %q, want %s", got, images[0].ID)
	}
	w.ask(shape{limit: "200", password: "one", file: "two"})
	w.done(plan.ModeApply, "update datastore.mariadb")
	if got := w.record("instance.orders").Computed["image_id"]; got != images[0].ID {
		t.Errorf("the instance has image %q after another was uploaded, want %s", got, images[0].ID)
	}
}

func TestAnImageThatIsThereIsNotUploadedAgain(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{alone: true, file: "one"})
	w.apply(plan.ModeApply)
	w.ask(shape{alone: true, file: "one"})
	w.apply(plan.ModeDestroy)
	w.apply(plan.ModeApply)
	if w.uploads() != 1 {
		t.Errorf("there were %d uploads, want one", w.uploads())
	}
	if err := w.cloud.Cloud().Images.Delete(t.Context(), w.cloud.Objects().Images[0].ID); err != nil {
		t.Fatal(err)
	}
	w.done(plan.ModeApply, "update datastore.mariadb")
	if w.uploads() != 2 {
		t.Errorf("there were %d uploads after the image was deleted, want two", w.uploads())
	}
}

func TestAFileThatCannotBeUploaded(t *testing.T) {
	for name, says := range map[string]string{"lost": "there is no such file", "changed": "not what was planned"} {
		w := newWorld(t)
		w.ask(shape{alone: true, file: name})
		_, _, err := w.run(0, plan.ModeApply)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
		if len(w.cloud.Objects().Images) != 0 {
			t.Errorf("%s: images %+v", name, w.cloud.Objects().Images)
		}
		w.ask(shape{alone: true})
		w.apply(plan.ModeApply)
		w.ended(plan.ModeApply)
	}
}
