package command

import (
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

var rotateSpec = spec{
	synopsis: "Replace the keys that guests are reached with",
	usage:    "trovectl rotate [options] ADDRESS...",
	flags:    func(f *flags) { f.applying() },
	run:      runRotate,
}

// runRotate plans, shows and applies like apply; of the configuration it needs only where the state and the cloud are.
func runRotate(m *Meta, f *flags) int {
	if len(f.args) == 0 {
		return m.fail("which instances? Give their addresses: trovectl rotate 'instance.orders'")
	}
	for _, text := range f.args {
		address, err := resource.ParseAddress(text)
		if err != nil {
			return m.fail("%v", err)
		}
		f.rotate = append(f.rotate, address)
	}
	return runApply(m, f, plan.ModeRotate)
}
