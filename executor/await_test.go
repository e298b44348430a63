package executor_test

import (
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// stock is a fresh world whose image has neither an engine nor an agent.
func stock(t *testing.T, packages ...string) *world {
	t.Helper()
	w := fresh(t)
	f := w.estate()
	f.store.Versions["10.11"] = resource.DatastoreVersion{Image: "mariadb-10.11", Packages: packages}
	f.inst.Packages = packages
	return w
}

func TestStockImage(t *testing.T) {
	w := stock(t, "mariadb-server")
	w.apply(plan.ModeApply)
	if w.guests.delivered != 1 {
		t.Errorf("the agent was delivered %d times", w.guests.delivered)
	}
	w.ended(plan.ModeApply)
}

// TestStockImage_undelivered: an agent that cannot be delivered is a clear error, and the next run begins again.
func TestStockImage_undelivered(t *testing.T) {
	for kind, says := range map[guest.ErrorKind]string{
		guest.KindUnsupported: "the guest is a toaster",
		guest.KindUnreachable: "nothing answered at the server's address within", // the stage of a fake's error
	} {
		w := stock(t, "mariadb-server")
		w.guests.undeliverable = guest.Errorf(kind, "the guest is a toaster")
		err := w.fails(plan.ModeApply, says, "the guest is a toaster")
		if console := strings.Contains(err.Error(), "console ends with"); console != (kind == guest.KindUnreachable) {
			t.Errorf("%s: %v", kind, err)
		}
		w.guests.undeliverable = nil
		w.done(plan.ModeApply, theRest...)
	}
}

// TestImageWithoutAgent: nobody waits for an agent that nobody delivers.
func TestImageWithoutAgent(t *testing.T) {
	w := stock(t, "mariadb-server")
	w.guests.undeliverable = guest.Errorf(guest.KindUnsupported, "not now")
	_ = w.fails(plan.ModeApply, "not now")
	w.ask(shape{limit: "200", password: "one"}) // without packages, as if the server had come from another image
	_ = w.fails(plan.ModeApply, "the image has no agent", "trovectl image build", "packages")
}

// TestFirstContact_reloadOfSSH: an SSH server that reads its new keys takes no connection for a moment.
func TestFirstContact_reloadOfSSH(t *testing.T) {
	w := fresh(t)
	w.guests.refusing = 3
	w.apply(plan.ModeApply)
	w = fresh(t)
	w.guests.refusing = 1 << 30
	_ = w.fails(plan.ModeApply, "did not come back with its new keys within 1s", "connection refused")
	w.guests.refusing, w.guests.deaf = 0, 0
	w.done(plan.ModeApply, theRest...)
}
