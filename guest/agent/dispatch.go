package agent

import (
	"context"
	"encoding/json"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// perform is how a changing method is done. It runs alone, under the agent's own context.
type perform func(a *Agent, ctx context.Context, body json.RawMessage) (any, error)

var methods = map[guest.Method]perform{
	guest.MethodPrepare:      withBody((*Agent).prepare),
	guest.MethodRotate:       withBody((*Agent).rotate),
	guest.MethodPutDatabase:  withBody((*Agent).putDatabase),
	guest.MethodDropDatabase: withBody((*Agent).dropDatabase),
	guest.MethodPutUser:      withBody((*Agent).putUser),
	guest.MethodDropUser:     withBody((*Agent).dropUser),
	guest.MethodConfigure:    withBody((*Agent).configure),
	guest.MethodRestart:      withBody((*Agent).restart),
	guest.MethodResizeVolume: withBody((*Agent).resizeVolume),
	guest.MethodPutRoot:      withBody((*Agent).putRoot),
	guest.MethodPutLogs:      withBody((*Agent).putLogs),
	guest.MethodRotateLog:    withBody((*Agent).rotateLog),
	guest.MethodCertify:      withBody((*Agent).certify),
}

// reads are the methods that change nothing: they are answered beside a change that may be in work.
var reads = map[guest.Method]perform{
	guest.MethodInspect: withBody((*Agent).inspect),
	guest.MethodMetrics: withBody((*Agent).metrics),
	guest.MethodReadLog: withBody((*Agent).readLog),
}

func withBody[In, Out any](do func(*Agent, context.Context, In) (Out, error)) perform {
	return func(a *Agent, ctx context.Context, body json.RawMessage) (any, error) {
		in, err := guest.DecodeBody[In](body)
		if err != nil {
			return nil, err
		}
		out, err := do(a, ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// power finds what not every engine has.
func power[T any](a *Agent, what string) (T, error) {
	var none T
	server, _ := a.theEngine()
	if server == nil {
		return none, guest.Errorf(guest.KindConflict, "the guest is not prepared yet")
	}
	has, ok := server.(T)
	if !ok {
		return none, guest.Errorf(guest.KindUnsupported, "%s has no %s", server.Name(), what)
	}
	return has, nil
}

func (a *Agent) putDatabase(ctx context.Context, in guest.PutDatabase) (guest.Done, error) {
	databases, err := power[engine.Databases](a, "databases")
	if err != nil {
		return guest.Done{}, err
	}
	if err := databases.PutDatabase(ctx, in); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "putting database "+quote(in.Database.Name), err)
	}
	return guest.Done{}, nil
}

func (a *Agent) dropDatabase(ctx context.Context, in guest.DropDatabase) (guest.Done, error) {
	databases, err := power[engine.Databases](a, "databases")
	if err != nil {
		return guest.Done{}, err
	}
	if err := databases.DropDatabase(ctx, in.Name); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "dropping database "+quote(in.Name), err)
	}
	return guest.Done{}, nil
}

func (a *Agent) putUser(ctx context.Context, in guest.PutUser) (guest.UserPut, error) {
	users, err := power[engine.Users](a, "users")
	if err != nil {
		return guest.UserPut{}, err
	}
	verifier, err := users.PutUser(ctx, in)
	if err != nil {
		return guest.UserPut{}, asGuestError(guest.KindEngine, "putting user "+quote(in.Name), err)
	}
	digest, err := a.theIdentity().digest(verifier)
	return guest.UserPut{VerifierDigest: digest}, err
}

func (a *Agent) dropUser(ctx context.Context, in guest.DropUser) (guest.Done, error) {
	users, err := power[engine.Users](a, "users")
	if err != nil {
		return guest.Done{}, err
	}
	if err := users.DropUser(ctx, in.UserName); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "dropping user "+quote(in.Name), err)
	}
	return guest.Done{}, nil
}

func (a *Agent) putRoot(ctx context.Context, in guest.PutRoot) (guest.RootPut, error) {
	rooted, err := power[engine.Rooted](a, "root account")
	if err != nil {
		return guest.RootPut{}, err
	}
	verifier, err := rooted.PutRoot(ctx, in)
	if err != nil {
		return guest.RootPut{}, asGuestError(guest.KindEngine, "putting root", err)
	}
	digest, err := a.theIdentity().digest(verifier)
	return guest.RootPut{VerifierDigest: digest}, err
}

func (a *Agent) configure(ctx context.Context, in guest.Configure) (guest.Configured, error) {
	settings, err := power[engine.Configurable](a, "settings")
	if err != nil {
		return guest.Configured{}, err
	}
	pending, err := settings.Configure(ctx, engine.Settings(in.Values))
	if err != nil {
		return guest.Configured{}, asGuestError(guest.KindEngine, "configuring", err)
	}
	return guest.Configured{Pending: pending}, nil
}

func (a *Agent) restart(ctx context.Context, _ guest.Restart) (guest.Done, error) {
	server, err := power[engine.Engine](a, "engine")
	if err != nil {
		return guest.Done{}, err
	}
	if err := server.Stop(ctx); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "stopping the engine", err)
	}
	if err := server.Start(ctx); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "starting the engine", err)
	}
	return guest.Done{}, nil
}
