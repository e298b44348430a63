package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// database puts or drops a database in the guest of its instance.
func (a *act) database(ctx context.Context) error {
	if !a.step.With.IsZero() {
		return a.dropRecord(ctx)
	}
	which := a.step.After.Body
	if a.step.Action == plan.Delete {
		which = a.step.Before.Body
	}
	body, ok := which.(*resource.Database)
	if !ok {
		return fmt.Errorf("the step %s carries no database", a.step.ID)
	}
	member, role, err := a.host(body.Instance)
	if err != nil {
		return err
	}
	client, err := a.reach(ctx, member)
	if err != nil {
		return err
	}
	defer client.close()
	hands := a.journal.Hands(member.ID, a.step.Address)
	if a.step.Action == plan.Delete {
		return hands.Call(ctx, journaled.Request{
			Slot: "drop_database/" + a.step.Address.String(), Asked: body.Name,
			Do: a.timeLimit(func(ctx context.Context, id string) error {
				_, err := client.DropDatabase(ctx, id, guest.DropDatabase{Name: body.Name})
				return err
			}),
			Record: func(b *state.Batch) { b.DropRecords = append(b.DropRecords, a.step.Address) },
		})
	}
	put := guest.PutDatabase{Database: guest.Database{Name: body.Name, Charset: body.Charset, Collation: body.Collation}}
	return hands.Call(ctx, journaled.Request{
		Slot: "put_database/" + a.step.Address.String(), Asked: put,
		Do: a.timeLimit(func(ctx context.Context, id string) error {
			_, err := client.PutDatabase(ctx, id, put)
			return err
		}),
		Record: func(b *state.Batch) { b.PutRecords = append(b.PutRecords, a.putRecord(role, body)) },
	})
}
