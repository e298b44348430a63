package executor

import (
	"cmp"
	"context"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/state"
)

// care asks the engine for what is beside its settings and its data: of an instance that is made all that is wanted, else
// what the step says.
func (i *instanceAct) care(ctx context.Context) error {
	fresh := i.record.Status == state.Creating
	root := i.touches("root") || fresh && i.body.Root != nil
	logs := i.touches("logs") || fresh && len(i.body.Logs) > 0
	if !root && !logs {
		return nil
	}
	client, err := i.reach(ctx, i.hands.Member())
	if err != nil {
		return err
	}
	defer client.close()
	if root {
		if err := i.putRoot(ctx, client); err != nil {
			return err
		}
	}
	if logs {
		return i.putLogs(ctx, client)
	}
	return nil
}

// putRoot gives the engine's administrator an account that may log in from outside, or takes it away.
func (i *instanceAct) putRoot(ctx context.Context, client channel) error {
	if err := i.rootSupplied(); err != nil {
		return err
	}
	put := guest.PutRoot{Enabled: i.body.Root != nil}
	if put.Enabled {
		put.Verifier = i.Verifiers[i.step.Address].Reveal()
	}
	asked := []any{put.Enabled, digestOf(i.body)} // the journal knows the password by the digest of the configuration alone
	return i.hands.Call(ctx, i.guestRequest("put_root", asked, func(ctx context.Context, id string) error {
		answer, err := client.PutRoot(ctx, id, put)
		i.rootStored = answer.VerifierDigest
		return err
	}, nil))
}

// rootSupplied fails where root needs a password that nobody gave in this run: before anything is made for it.
func (i *instanceAct) rootSupplied() error {
	there := i.storedOfRoot() != "" && !i.touches("root")
	if i.body.Root == nil || there || !i.Verifiers[i.step.Address].IsZero() {
		return nil
	}
	return i.notSupplied()
}

// storedOfRoot is what is recorded of the verifier that the engine stores; empty: nothing.
func (i *instanceAct) storedOfRoot() string {
	if before, _ := resource.PasswordOf(i.step.Before.Body); before != nil {
		return before.Engine
	}
	return ""
}

// done is the body to record, with what the engine stores of root's password.
func (i *instanceAct) done() resource.Body {
	if i.body.Root == nil {
		return i.body
	}
	return resource.WithPassword(i.body, &resource.Password{
		Digest: i.recordedDigest(), Engine: cmp.Or(i.rootStored, i.storedOfRoot()),
	})
}

func (i *instanceAct) putLogs(ctx context.Context, client channel) error {
	put := guest.PutLogs{Enabled: append([]string{}, i.body.Logs...)}
	return i.hands.Call(ctx, i.guestRequest("put_logs", put, func(ctx context.Context, id string) error {
		_, err := client.PutLogs(ctx, id, put)
		return err
	}, nil))
}
