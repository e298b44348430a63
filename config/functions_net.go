package config

import (
	"errors"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

var cidrNetmask = textFunction("the netmask of an IPv4 network", func(s string) (string, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return "", errors.New("it is not an IPv4 network such as 10.0.0.0/16")
	}
	mask := [4]byte{}
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(mask).String(), nil
})

// cidrHost is the address of one host of a network; negative numbers count from its end.
var cidrHost = function.New(&function.Spec{
	Description: "the address of host N of a network",
	Params:      []function.Parameter{{Name: "network", Type: cty.String}, {Name: "host", Type: cty.Number}},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not a network such as 10.0.0.0/16")
		}
		n, exact := args[1].AsBigFloat().Int(nil)
		size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
		if exact == big.Exact && n.Sign() < 0 {
			n.Add(n, size)
		}
		if exact != big.Exact || n.Sign() < 0 || n.Cmp(size) >= 0 {
			return cty.NilVal, function.NewArgErrorf(1, "the network has no such host")
		}
		return cty.StringVal(offset(p.Masked().Addr(), n).String()), nil
	},
})

// cidrSubnet is subnet N of a network that is cut by some more bits.
var cidrSubnet = function.New(&function.Spec{
	Description: "subnet N of a network, whose prefix is BITS longer",
	Params: []function.Parameter{
		{Name: "network", Type: cty.String}, {Name: "bits", Type: cty.Number}, {Name: "number", Type: cty.Number},
	},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not a network such as 10.0.0.0/16")
		}
		bits, exact := args[1].AsBigFloat().Int64()
		length := p.Addr().BitLen()
		if exact != big.Exact || bits < 0 || bits > int64(length-p.Bits()) {
			return cty.NilVal, function.NewArgErrorf(1, "the network has %d bits left", length-p.Bits())
		}
		n, exact := args[2].AsBigFloat().Int(nil)
		if exact != big.Exact || n.Sign() < 0 || n.BitLen() > int(bits) {
			return cty.NilVal, function.NewArgErrorf(2, "there is no such subnet with %d bits", bits)
		}
		n.Lsh(n, uint(length-p.Bits()-int(bits)))
		return cty.StringVal(netip.PrefixFrom(offset(p.Masked().Addr(), n), p.Bits()+int(bits)).String()), nil
	},
})

// offset adds a number to an address; the caller knows that the sum is in its family.
func offset(a netip.Addr, n *big.Int) netip.Addr {
	sum := new(big.Int).SetBytes(a.AsSlice())
	sum.Add(sum, n)
	out, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(a.AsSlice()))))
	return out
}

// cidrSubnets cuts a network into subnets that follow one another, each as many bits longer as is asked.
var cidrSubnets = function.New(&function.Spec{
	Description: "subnets of a network that follow one another, each with a prefix that is so many BITS longer",
	Params:      []function.Parameter{{Name: "network", Type: cty.String}},
	VarParam:    &function.Parameter{Name: "bits", Type: cty.Number},
	Type:        function.StaticReturnType(texts),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not a network such as 10.0.0.0/16")
		}
		length := p.Addr().BitLen()
		next := new(big.Int) // the first host that is not taken
		end := new(big.Int).Lsh(big.NewInt(1), uint(length-p.Bits()))
		var out []cty.Value
		for i, arg := range args[1:] {
			bits, exact := arg.AsBigFloat().Int64()
			if exact != big.Exact || bits < 1 || bits > int64(length-p.Bits()) {
				return cty.NilVal, function.NewArgErrorf(i+1, "the network has %d bits left", length-p.Bits())
			}
			size := new(big.Int).Lsh(big.NewInt(1), uint(length-p.Bits()-int(bits)))
			start := new(big.Int).Add(next, size) // rounded up to a multiple of the size
			start.Sub(start, big.NewInt(1)).Div(start, size).Mul(start, size)
			next = new(big.Int).Add(start, size)
			if next.Cmp(end) > 0 {
				return cty.NilVal, function.NewArgErrorf(i+1, "the network has no room for it")
			}
			out = append(out, cty.StringVal(netip.PrefixFrom(offset(p.Masked().Addr(), start), p.Bits()+int(bits)).String()))
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		return cty.ListVal(out), nil
	},
})
