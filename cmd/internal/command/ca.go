package command

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/guest"
)

var caSpec = spec{
	synopsis: "Write the certificate of the CA that signs for the instances; it is no secret",
	usage:    "trovectl ca [options]",
	flags:    func(f *flags) { f.variables() },
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		ctx, _, stop := interruptible(m.warn)
		defer stop()
		op, list := m.open(ctx, f, true, false)
		if list.HasErrors() {
			return m.report(list)
		}
		if op.prior.Serial == 0 {
			return m.report(diag.List(nil).Errorf(nil, "There is no state", "The CA is derived from the master key and the lineage of the state; the first apply makes both."))
		}
		authority, err := op.ring.CA()
		if err != nil {
			return m.failErr("The CA cannot be made", err)
		}
		_, _ = fmt.Fprint(m.streams.Out, authority.PEM())
		return exitOK
	},
}

var rootSpec = spec{
	synopsis: "Tell whether the engine's administrator may log in; `instance { root { ... } }` decides it",
	usage:    "trovectl root [options] ADDRESS",
	flags:    func(f *flags) { f.variables() },
	run: func(m *Meta, f *flags) int {
		return m.atGuest(f, false, func(ctx context.Context, v visitor) int {
			seen, err := v.client.Inspect(ctx, guest.Inspect{})
			switch {
			case err != nil:
				return m.failErr("The guest cannot tell", err)
			case seen.Root == nil:
				_, _ = fmt.Fprintf(m.streams.Out, "%s has no account of an administrator that could be enabled.\n", v.address)
			case seen.Root.Enabled:
				_, _ = fmt.Fprintf(m.streams.Out, "root of %s is enabled.\n", v.address)
			default:
				_, _ = fmt.Fprintf(m.streams.Out, "root of %s is not enabled.\n", v.address)
			}
			return exitOK
		})
	},
}
