package config

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"gopkg.in/yaml.v3"
)

var (
	urlEncode  = textFunction("a text for a query of a URL", func(s string) (string, error) { return url.QueryEscape(s), nil })
	base64Gzip = textFunction("a text, compressed, in Base64", func(s string) (string, error) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(s))
		return base64.StdEncoding.EncodeToString(b.Bytes()), errors.Join(err, w.Close())
	})
)

// charsets are the encodings of texts that are told apart, by their IANA names.
var charsets = map[string]encoding.Encoding{
	"UTF-8": encoding.Nop, "UTF-16": unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"ISO-8859-1": charmap.ISO8859_1, "ISO-8859-15": charmap.ISO8859_15, "WINDOWS-1252": charmap.Windows1252,
}

var (
	textEncodeBase64 = charsetFunction("a text in another encoding, in Base64", func(s string, e encoding.Encoding) (string, error) {
		out, err := e.NewEncoder().Bytes([]byte(s))
		if err != nil {
			return "", errors.New("it holds characters that the encoding lacks")
		}
		return base64.StdEncoding.EncodeToString(out), nil
	})
	textDecodeBase64 = charsetFunction("the text behind Base64 in another encoding", func(s string, e encoding.Encoding) (string, error) {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("it is not Base64")
		}
		out, err := e.NewDecoder().Bytes(raw)
		if err != nil {
			return "", errors.New("what it holds is not in this encoding")
		}
		return string(out), nil
	})
)

func charsetFunction(doc string, fn func(string, encoding.Encoding) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}, {Name: "encoding", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			e, ok := charsets[strings.ToUpper(args[1].AsString())]
			if !ok {
				return cty.NilVal, function.NewArgErrorf(1, "known are %s", strings.Join(keys(charsets), ", "))
			}
			out, err := fn(args[0].AsString(), e)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(out), nil
		},
	})
}

// yamlEncode writes a value as YAML, by way of JSON, whose texts YAML reads as they are.
var yamlEncode = function.New(&function.Spec{
	Description: "a value as YAML",
	Params:      jsonEncode.Params(),
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		v, err := jsonEncode.Call(args)
		if err != nil || !v.IsKnown() {
			return cty.UnknownVal(want), err
		}
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(v.AsString()), &node); err != nil {
			return cty.NilVal, err
		}
		asBlocks(&node)
		var out strings.Builder
		w := yaml.NewEncoder(&out)
		w.SetIndent(2)
		err = errors.Join(w.Encode(&node), w.Close())
		return cty.StringVal(out.String()), err
	},
})

func asBlocks(n *yaml.Node) {
	if len(n.Content) > 0 {
		n.Style &^= yaml.FlowStyle
	}
	for _, inner := range n.Content {
		asBlocks(inner)
	}
}
