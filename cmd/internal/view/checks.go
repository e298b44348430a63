package view

import (
	"github.com/trovectl/trovectl/config/resource"
)

// conditionsJSON is what became of the conditions of one block, as Terraform's plan representation lists it under checks.
type conditionsJSON struct {
	Address   map[string]any       `json:"address"`
	Status    resource.CheckStatus `json:"status"`
	Instances []conditionJSON      `json:"instances"`
}

type conditionJSON struct {
	Address  map[string]any       `json:"address"`
	Status   resource.CheckStatus `json:"status"`
	Problems []problemJSON        `json:"problems,omitempty"`
}

type problemJSON struct {
	Message string `json:"message"`
}

// checksOf groups checks, which are sorted by address, by block.
func checksOf(all []resource.Check) []conditionsJSON {
	out := []conditionsJSON{}
	var last resource.Address
	var block resource.Check
	for _, c := range all {
		if c.Address.IsZero() || c.Address.Block() != last {
			out = append(out, conditionsJSON{Address: checkAddress(c)})
			last, block = c.Address.Block(), resource.Check{}
		}
		block.Add(c.Status, "")
		one := conditionJSON{Address: map[string]any{"to_display": checkName(c)}, Status: c.Status}
		if index := resourceOf(c.Address).Index; index != nil {
			one.Address["instance_key"] = index
		}
		for _, problem := range c.Problems {
			one.Problems = append(one.Problems, problemJSON{problem})
		}
		group := &out[len(out)-1]
		group.Status, group.Instances = block.Status, append(group.Instances, one)
	}
	return out
}

func checkAddress(c resource.Check) map[string]any {
	if c.Address.IsZero() {
		return map[string]any{"kind": "check", "to_display": checkName(c), "name": c.Name}
	}
	return map[string]any{
		"kind": "resource", "to_display": c.Address.Block().String(), "mode": "managed", "type": string(c.Address.Kind), "name": c.Address.Name,
	}
}

func checkName(c resource.Check) string {
	if c.Address.IsZero() {
		return "check." + c.Name
	}
	return c.Address.String()
}
