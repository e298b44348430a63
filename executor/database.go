package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// database puts or drops a database in the guest of its instance.
func (a *act) database(ctx context.Context) error {
	switch {
	case !a.step.With.IsZero():
		return a.dropRecord(ctx)
	case a.abandons():
		return a.letGo(ctx)
	}
	body, ok := a.subject().(*resource.Database)
	if !ok {
		return fmt.Errorf("the step %s carries no database", a.step.ID)
	}
	in, err := a.enter(ctx, body.Instance)
	if err != nil {
		return err
	}
	defer in.client.close()
	if a.step.Action == plan.Delete {
		return in.hands.Call(ctx, a.dropped(in, "drop_database", body.Name, func(ctx context.Context, id string) error {
			_, err := in.client.DropDatabase(ctx, id, guest.DropDatabase{Name: body.Name})
			return err
		}))
	}
	put := guest.PutDatabase{Database: guest.Database{
		Name: body.Name, Charset: body.Charset, Collation: body.Collation, Owner: body.Owner.Name, Encoding: body.Encoding, Extensions: body.Extensions,
	}}
	if before, ok := a.step.Before.Body.(*resource.Database); ok && before.Name != body.Name {
		put.RenameFrom = before.Name
	}
	return in.hands.Call(ctx, a.put(in, "put_database", put, func(ctx context.Context, id string) error {
		_, err := in.client.PutDatabase(ctx, id, put)
		return err
	}, func() resource.Body { return body }))
}
