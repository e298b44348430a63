package command

import (
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// consents are what the flags of an unattended run allow.
type consents struct {
	everything bool // -allow-destroy all
	destroy    []resource.Address
	downtime   []resource.Address
}

// readConsents reads the flags before anything else is done.
func readConsents(f *flags, mode plan.Mode) (consents, diag.List) {
	var given consents
	var list diag.List
	for _, text := range f.allowDestroy {
		switch {
		case text == "all" && (f.expectDigest != "" || mode == plan.ModeDestroy && f.saved == nil):
			given.everything = true
		case text == "all" && f.saved != nil:
			list = list.Errorf(nil, "-allow-destroy all needs -expect-digest", "Everything that a saved plan destroys is allowed for one plan alone: give its digest by -expect-digest, as `trovectl show PLAN` prints it, or name each ADDRESS.")
		case text == "all":
			list = list.Errorf(nil, "-allow-destroy all is for destroy", "An apply names what it may destroy: -allow-destroy ADDRESS, once for each.")
		default:
			given.destroy, list = appendAddress(given.destroy, list, text)
		}
	}
	for _, text := range f.allowDowntime {
		given.downtime, list = appendAddress(given.downtime, list, text)
	}
	return given, list
}

func appendAddress(all []resource.Address, list diag.List, text string) ([]resource.Address, diag.List) {
	address, err := resource.ParseAddress(text)
	if err != nil {
		return all, list.Errorf(nil, "A flag does not name a resource", "%v", err)
	}
	return append(all, address), list
}

// missing lists what an unattended run may not do without its flag.
func (c consents) missing(p *plan.Plan) diag.List {
	list, told := c.unmatched(p), map[resource.Address]bool{}
	for _, s := range p.Steps {
		if len(s.Destroys) > 0 && !told[consentAddress(s)] && !c.everything && !slices.Contains(c.destroy, consentAddress(s)) && !slices.Contains(c.destroy, s.With) {
			told[consentAddress(s)] = true // once, where more than one orphan was of the same machine
			list = append(list, destroyRefusal(s, p.Mode))
		}
		if s.Action == plan.Update && interrupts(s.Impact) && !slices.Contains(c.downtime, s.Address) {
			list = append(list, diag.Diagnostic{
				Severity: diag.Error, Address: s.Address.String(), Summary: fmt.Sprintf("%s would be interrupted (%s)", s.Address, s.Impact),
				Detail: "An unattended run interrupts clients only with consent. Nothing was changed.",
				Hint:   fmt.Sprintf("Give -allow-downtime '%s', or apply in a terminal and approve there.", s.Address),
			})
		}
	}
	return list
}

// unmatched names the flags that allow something that the plan does not do: most likely a wrong address.
func (c consents) unmatched(p *plan.Plan) diag.List {
	var list diag.List
	for _, given := range []struct {
		flag      string
		addresses []resource.Address
	}{{"-allow-destroy", c.destroy}, {"-allow-downtime", c.downtime}} {
		for _, address := range given.addresses {
			if !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return consentAddress(s) == address }) {
				list = list.Errorf(nil, fmt.Sprintf("%s %s allows nothing", given.flag, address),
					"The plan has no step for %s. Addresses are written as the plan writes them, with their key. Nothing was changed.", address)
			}
		}
	}
	return list
}

// consentAddress is what the consent to a step names: its address, or the machine that an orphan was of.
func consentAddress(s plan.Step) resource.Address {
	if s.Action == plan.DeleteOrphan && len(s.Destroys) > 0 {
		return s.Destroys[0]
	}
	return s.Address
}

// interrupts tells whether clients are cut off.
func interrupts(impact resource.Impact) bool {
	return resource.Worse(impact, resource.Restart) == impact
}

func destroyRefusal(s plan.Step, mode plan.Mode) diag.Diagnostic {
	names := ""
	for _, address := range s.Destroys {
		names += "\n  - " + address.String()
	}
	address := consentAddress(s)
	hint := fmt.Sprintf("Give -allow-destroy '%s', or apply in a terminal and approve there.", address)
	if mode == plan.ModeDestroy {
		hint = "Give -allow-destroy all to destroy everything that the plan lists, or -allow-destroy ADDRESS for each."
	}
	return diag.Diagnostic{
		Severity: diag.Error, Address: address.String(), Summary: fmt.Sprintf("The data of %s would be destroyed", address),
		Detail: "-auto-approve is no consent to destroy data. Nothing was changed. It would be lost:" + names, Hint: hint,
	}
}
