package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trovectl/trovectl/providers"
)

// floating WORK [ARGUMENT]: what somebody does to the floating IPs of the project, behind trovectl's back.
//
//	floating allocate MEMBER    one more that leads nowhere, with the mark of a member of another state, or (stray) of the first one's
//	floating off                the first one leads nowhere
//	floating delete             the first one
//	floating are ADDRESS...     checks that there are these, in order; those that lead nowhere as -ADDRESS
func floating(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: floating WORK [ARGUMENT]")
	}
	ctx, cloud := context.Background(), openCloud(ts)
	all, err := cloud.FloatingIPs.List(ctx)
	ts.Check(err)
	slices.SortFunc(all, func(a, b providers.FloatingIP) int { return strings.Compare(a.Address, b.Address) })
	switch args[0] {
	case "allocate":
		networks, err := cloud.Networks.List(ctx)
		ts.Check(err)
		external := networks[slices.IndexFunc(networks, func(n providers.Network) bool { return n.External })].ID
		mark := providers.Mark{Lineage: "zzzzzzzz", Member: "byhand", Intent: "byhand"}
		if len(args) > 1 {
			mark.Lineage = all[0].Mark.Lineage
		}
		_, err = cloud.FloatingIPs.Create(ctx, providers.FloatingIPSpec{Mark: mark, NetworkID: external})
		ts.Check(err)
	case "off":
		ts.Check(cloud.FloatingIPs.Associate(ctx, all[0].ID, ""))
	case "delete":
		ts.Check(cloud.FloatingIPs.Delete(ctx, all[0].ID))
	case "are":
		var has []string
		for _, f := range all {
			text := f.Address
			if f.PortID == "" {
				text = "-" + text
			}
			has = append(has, text)
		}
		if fmt.Sprint(has) != fmt.Sprint(args[1:]) {
			ts.Fatalf("the floating IPs are %v, want %v", has, args[1:])
		}
	default:
		ts.Fatalf("there is no work %q", args[0])
	}
}
