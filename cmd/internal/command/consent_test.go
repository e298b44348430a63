package command

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// -delete-orphans alone is no consent to lose what may be on a server or a volume.
func TestOrphansThatMayHoldDataNeedConsent(t *testing.T) {
	machine := resource.Address{Kind: resource.KindInstance, Name: "member_lostlostlost"}
	p := &plan.Plan{Mode: plan.ModeApply, Steps: []plan.Step{
		{ID: "delete_orphan volume v", Action: plan.DeleteOrphan, Orphan: &plan.Object{Service: "volume", ID: "v"}, Destroys: []resource.Address{machine}},
		{ID: "delete_orphan server s", Action: plan.DeleteOrphan, Orphan: &plan.Object{Service: "server", ID: "s"}, Destroys: []resource.Address{machine}},
		{ID: "delete_orphan port p", Action: plan.DeleteOrphan, Orphan: &plan.Object{Service: "port", ID: "p"}},
	}}
	refused := consents{}.missing(p)
	if len(refused) != 1 || refused[0].Address != machine.String() {
		t.Errorf("without consent: %v", refused)
	}
	if list := (consents{destroy: []resource.Address{machine}}).missing(p); list.HasErrors() {
		t.Errorf("with consent: %v", list)
	}
	other := resource.Address{Kind: resource.KindInstance, Name: "member_other"}
	if list := (consents{destroy: []resource.Address{other}}).missing(p); len(list) != 2 { // the flag that allows nothing, and the machine once
		t.Errorf("with consent to something else: %v", list)
	}
}
