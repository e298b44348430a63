package memory

import (
	"context"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Root implements engine.Rooted.
func (e *Engine) Root(context.Context) (engine.Account, error) {
	leave, err := e.enter()
	if err != nil {
		return engine.Account{}, err
	}
	defer leave()
	return engine.Account{Name: "root", Verifier: e.root}, nil
}

// PutRoot implements engine.Rooted.
func (e *Engine) PutRoot(_ context.Context, root guest.PutRoot) (string, error) {
	if root.Verifier != "" {
		if err := e.catalog.CheckVerifier(root.Verifier); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	leave, err := e.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	switch {
	case !root.Enabled:
		e.root = ""
	case root.Verifier != "":
		e.root = root.Verifier
	case e.root == "":
		return "", guest.Errorf(guest.KindInvalid, "root is not enabled and needs a password to be")
	}
	return e.root, e.keep()
}
