package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// putRecord records the step's wanted body as ready.
func (a *act) putRecord(role state.RoleID, body resource.Body) state.Record {
	return state.Record{
		Address: a.step.Address, Body: body, Status: state.Ready, Protect: a.step.Protect, DependsOn: a.step.DependsOn, Role: role,
	}
}

// recordOnly is the whole work of kinds without an object in the cloud.
func (a *act) recordOnly(ctx context.Context, computed map[string]string) error {
	if a.step.Action == plan.Delete {
		return a.dropRecord(ctx)
	}
	record := a.putRecord("", a.step.After.Body)
	record.Computed = computed
	return a.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{record}})
}

// dropRecord forgets a record; one that is gone is a success.
func (a *act) dropRecord(ctx context.Context) error {
	if _, known := a.journal.Record(a.step.Address); !known {
		return nil
	}
	return a.journal.Commit(ctx, state.Batch{DropRecords: []resource.Address{a.step.Address}})
}

// host is the machine that serves as an instance's role, with the role.
func (a *act) host(instance resource.Address) (state.Member, state.RoleID, error) {
	record, ok := a.journal.Record(instance)
	if !ok {
		return state.Member{}, "", fmt.Errorf("%s is not recorded: it must be made first", instance)
	}
	member, ok := a.journal.MemberOf(record.Role)
	if !ok {
		return state.Member{}, "", fmt.Errorf("no machine serves as %s: `trovectl state check` tells more", instance)
	}
	return member, record.Role, nil
}
