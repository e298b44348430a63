package config

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"gopkg.in/yaml.v3"
)

// textFunction is a function of one text to another.
func textFunction(doc string, fn func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out, err := fn(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(out), nil
		},
	})
}

var (
	base64Encode = textFunction("a text in Base64", func(s string) (string, error) {
		return base64.StdEncoding.EncodeToString([]byte(s)), nil
	})
	base64Decode = textFunction("the text behind Base64", func(s string) (string, error) {
		out, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("it is not Base64")
		}
		if !utf8.Valid(out) {
			return "", errors.New("what it holds is not a text in UTF-8")
		}
		return string(out), nil
	})
	sha256Hex = textFunction("the SHA-256 of a text in hex", func(s string) (string, error) {
		digest := sha256.Sum256([]byte(s))
		return hex.EncodeToString(digest[:]), nil
	})
	md5Hex = textFunction("the MD5 of a text in hex; no protection of anything", func(s string) (string, error) {
		digest := md5.Sum([]byte(s))
		return hex.EncodeToString(digest[:]), nil
	})
	cidrNetmask = textFunction("the netmask of an IPv4 network", func(s string) (string, error) {
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
	startsWith = affix("whether a text starts with another", strings.HasPrefix)
	endsWith   = affix("whether a text ends with another", strings.HasSuffix)
)

func affix(doc string, fn func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(fn(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// jsonEncode writes a value as JSON; resources without their identity.
var jsonEncode = function.New(&function.Spec{
	Description: "a value as JSON",
	Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowNull: true}},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		v, err := plain(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if !v.IsWhollyKnown() {
			return cty.UnknownVal(want), nil
		}
		return stdlib.JSONEncode(v)
	},
})

// yamlDecode reads YAML by way of JSON: maps with texts as keys, lists, texts, numbers, booleans and null.
var yamlDecode = function.New(&function.Spec{
	Description: "the value behind YAML",
	Params:      []function.Parameter{{Name: "text", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if !args[0].IsKnown() {
			return cty.DynamicPseudoType, nil
		}
		v, err := decodeYAML(args[0].AsString())
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decodeYAML(args[0].AsString()) },
})

func decodeYAML(text string) (cty.Value, error) {
	var raw any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return cty.DynamicVal, function.NewArgErrorf(0, "it is not YAML")
	}
	v, err := fromGo(raw)
	if err != nil {
		return cty.DynamicVal, function.NewArgError(0, err)
	}
	return v, nil
}

func fromGo(raw any) (cty.Value, error) {
	switch x := raw.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case string:
		return cty.StringVal(x), nil
	case bool:
		return cty.BoolVal(x), nil
	case []any:
		out := make([]cty.Value, len(x))
		for i, e := range x {
			v, err := fromGo(e)
			if err != nil {
				return cty.NilVal, err
			}
			out[i] = v
		}
		return cty.TupleVal(out), nil
	case map[string]any:
		out := map[string]cty.Value{}
		for k, e := range x {
			v, err := fromGo(e)
			if err != nil {
				return cty.NilVal, err
			}
			out[k] = v
		}
		return cty.ObjectVal(out), nil
	case int, int64, uint64, float64:
		n, err := cty.ParseNumberVal(fmt.Sprint(x))
		if err != nil {
			return cty.NilVal, errors.New("it holds a number that is none")
		}
		return n, nil
	default:
		return cty.NilVal, fmt.Errorf("it holds something that is neither map with texts as keys, list, text, number nor boolean")
	}
}

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

// fileFunction reads a text file of the configuration's directory. What it read counts for the digest.
func (r *reader) fileFunction() function.Function {
	return textFunction("the content of a text file, relative to the configuration", func(path string) (string, error) {
		data, err := readBounded(r.local(path))
		if err != nil {
			return "", fmt.Errorf("reading the file: %s", reason(err))
		}
		if !utf8.Valid(data) {
			return "", errors.New("the file is not a text in UTF-8")
		}
		r.inputs[path] = data
		return string(data), nil
	})
}

func (r *reader) fileExistsFunction() function.Function {
	return function.New(&function.Spec{
		Description: "whether there is such a plain file, relative to the configuration",
		Params:      []function.Parameter{{Name: "path", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			info, err := os.Stat(r.local(args[0].AsString()))
			there := err == nil && info.Mode().IsRegular()
			r.inputs["exists "+args[0].AsString()] = []byte(fmt.Sprint(there))
			return cty.BoolVal(there), nil
		},
	})
}

func (r *reader) local(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}
