package executor

import "context"

// datastore has no object in the cloud: its record is all.
func (a *act) datastore(ctx context.Context) error { return a.recordOnly(ctx, nil) }
