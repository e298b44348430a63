package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// fits compares a saved plan with the configuration, the variables and the cloud of this run, and binds the secrets that
// its steps need. Every refusal is told at once.
func (op *operation) fits(saved *savedPlan) (list diag.List) {
	p := saved.plan
	if id := op.cloud.Identity; id.AuthURL != p.Cloud.AuthURL || id.ProjectID != p.Cloud.ProjectID || id.Region != p.Cloud.Region {
		list = append(list, diag.Diagnostic{
			Severity: diag.Error, Summary: "The saved plan is for another cloud",
			Detail: fmt.Sprintf("It was made for %s (project %s, region %s); the credentials lead to %s (project %s, region %s). Nothing was changed.",
				p.Cloud.AuthURL, p.Cloud.ProjectID, p.Cloud.Region, id.AuthURL, id.ProjectID, id.Region),
			Hint: "Use the credentials of the cloud that the plan was made for.",
		})
	}
	if op.config.Digest != p.ConfigDigest {
		return append(list, diag.Diagnostic{
			Severity: diag.Error, Summary: "The configuration is not the one that was planned",
			Detail: "A file, a file that a function reads, or the value of a variable that is not sensitive was edited since the plan was saved. Nothing was changed.",
			Hint:   fmt.Sprintf("Give the same variables as to the plan, or make the plan again: trovectl plan -out %s", saved.path),
		})
	}
	return append(list, op.bind(p)...)
}

// bind gives the steps that set a password the one of this run, after comparing it with the digest that the plan holds. A
// plan that was made without the password takes the one that is supplied now.
func (op *operation) bind(p *plan.Plan) (list diag.List) {
	for i := range p.Steps {
		step := &p.Steps[i]
		if !setsPassword(*step) {
			continue
		}
		planned, _ := resource.PasswordOf(step.After.Body)
		now := op.suppliedFor(step.Address)
		switch {
		case now == "":
			list = append(list, op.missingSecret(step.Address))
		case planned == nil || planned.Digest == "":
			step.After.Body = resource.WithPassword(step.After.Body, &resource.Password{Digest: now})
		case planned.Digest != now:
			list = append(list, diag.Diagnostic{
				Severity: diag.Error, Address: step.Address.String(), Summary: fmt.Sprintf("The password of %s is not the one that was planned", step.Address),
				Detail: "It was changed since the plan was saved. Nothing was changed.",
				Hint:   "Supply the password that the plan was made with, or make the plan again.",
			})
		}
	}
	return list
}

// setsPassword tells whether the step carries a password to the engine.
func setsPassword(step plan.Step) bool {
	password, path := resource.PasswordOf(step.After.Body)
	if step.Action == plan.Create {
		return password != nil || step.Address.Kind == resource.KindUser
	}
	return password != nil && slices.ContainsFunc(step.Changes, func(c plan.Change) bool { return c.Path == path || c.Path == "root.enabled" })
}

// suppliedFor is the digest of the password that this run can set for a user; empty: none was supplied.
func (op *operation) suppliedFor(address resource.Address) string {
	if verifier := op.verifiers[address]; verifier.IsZero() {
		return ""
	}
	password, _ := resource.PasswordOf(op.config.Set.Resources[address].Body)
	if password == nil {
		return ""
	}
	return password.Digest
}

func (op *operation) missingSecret(address resource.Address) diag.Diagnostic {
	d := diag.Diagnostic{
		Severity: diag.Error, Address: address.String(), Summary: fmt.Sprintf("The password of %s was not supplied", address),
		Detail: "The plan sets it, and a saved plan holds no secret. Nothing was changed.",
		Hint:   "Give the variable that holds it: TROVE_VAR_name, -var or a variable file.",
	}
	var names []string
	for _, v := range op.config.Missing {
		if v.Sensitive {
			names = append(names, "var."+v.Name)
		}
	}
	if r, ok := op.config.Set.Resources[address]; ok {
		_, path := resource.PasswordOf(r.Body)
		d.Subject = r.At(path)
	}
	if len(names) > 0 {
		d.Hint = fmt.Sprintf("Without a value: %s. Give it by TROVE_VAR_%s, -var or a variable file.", strings.Join(names, ", "),
			strings.TrimPrefix(names[0], "var."))
	}
	return d
}
