package executor

import (
	"cmp"
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
)

// user puts or drops an account in the guest of its instance.
func (a *act) user(ctx context.Context) error {
	switch {
	case !a.step.With.IsZero():
		return a.dropRecord(ctx)
	case a.abandons():
		return a.letGo(ctx)
	}
	body, ok := a.subject().(*resource.User)
	if !ok {
		return fmt.Errorf("the step %s carries no user", a.step.ID)
	}
	in, err := a.enter(ctx, body.Instance)
	if err != nil {
		return err
	}
	defer in.client.close()
	if a.step.Action == plan.Delete {
		name := guest.UserName{Name: body.Name, Host: body.Host}
		return in.hands.Call(ctx, a.dropped(in, "drop_user", name, func(ctx context.Context, id string) error {
			_, err := in.client.DropUser(ctx, id, guest.DropUser{UserName: name})
			return err
		}))
	}
	return a.putUser(ctx, in, body)
}

func (a *act) putUser(ctx context.Context, in inside, body *resource.User) error {
	put, err := a.userRequest(body)
	if err != nil {
		return err
	}
	asked := put
	asked.Verifier = "" // the journal knows the password by the digest of the configuration alone
	var answer guest.UserPut
	return in.hands.Call(ctx, a.put(in, "put_user", []any{asked, digestOf(body)}, func(ctx context.Context, id string) (err error) {
		answer, err = in.client.PutUser(ctx, id, put)
		return err
	}, func() resource.Body {
		done := *body
		if body.Password != nil {
			done.Password = &resource.Password{Digest: a.recordedDigest(), Engine: answer.VerifierDigest}
		}
		return &done
	}))
}

// recordedDigest is the digest to record: a password that was not supplied in this run keeps the one it had.
func (a *act) recordedDigest() string {
	return cmp.Or(digestOf(a.step.After.Body), digestOf(a.step.Before.Body))
}

// digestOf is what stands for the password of a body in the configuration; empty: it has none, or it was not supplied.
func digestOf(body resource.Body) string {
	if password, _ := resource.PasswordOf(body); password != nil {
		return password.Digest
	}
	return ""
}

func (a *act) notSupplied() error {
	return fmt.Errorf("the password of %s was not supplied in this run: give the variable that holds it (TROVE_VAR_..., -var or a variable file) and apply again", a.step.Address)
}

// userRequest asks for exactly what the body says. The verifier goes along when the account is new or its password
// differs; a password that was not supplied in this run fails the step only then.
func (a *act) userRequest(body *resource.User) (guest.PutUser, error) {
	put := guest.PutUser{
		Name: body.Name, Host: body.Host, Authoritative: !body.Additive, Grants: []guest.Grant{},
		Rights: guest.Rights{Roles: resource.RoleNames(body.Roles), ACL: body.ACL, ConnectionLimit: body.ConnectionLimit, RequireTLS: body.RequireTLS},
	}
	for _, g := range body.Grants {
		put.Grants = append(put.Grants, guest.Grant{
			Database: g.Database, Schema: g.Schema, Table: g.Table, Privileges: g.Privileges, Grantable: g.Grantable,
		})
	}
	if before, ok := a.step.Before.Body.(*resource.User); ok && (before.Name != body.Name || before.Host != body.Host) {
		put.RenameFrom = &guest.UserName{Name: before.Name, Host: before.Host}
	}
	if a.step.Action != plan.Create && !a.touches("password") {
		return put, nil
	}
	if body.Password == nil {
		return put, nil // unmanaged: the guest leaves that of an account which is there, and refuses to make one
	}
	verifier, ok := a.Verifiers[a.step.Address]
	if !ok || verifier.IsZero() {
		return put, a.notSupplied()
	}
	put.Verifier = verifier.Reveal()
	return put, nil
}
