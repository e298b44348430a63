package config

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// hashes are those of the language. MD5 and SHA-1 protect nothing.
var hashes = map[string]func([]byte) []byte{
	"md5":    func(data []byte) []byte { sum := md5.Sum(data); return sum[:] },
	"sha1":   func(data []byte) []byte { sum := sha1.Sum(data); return sum[:] },
	"sha256": func(data []byte) []byte { sum := sha256.Sum256(data); return sum[:] },
	"sha512": func(data []byte) []byte { sum := sha512.Sum512(data); return sum[:] },
}

// hashFunctions are the hashes of texts and of files, in hex, and in Base64 where Terraform has that.
func (r *reader) hashFunctions() map[string]function.Function {
	out := map[string]function.Function{}
	add := func(name, what string, written func([]byte) string, hash func([]byte) []byte) {
		out[what+name] = textFunction("a hash of a text", func(text string) (string, error) {
			return written(hash([]byte(text))), nil
		})
		out["file"+what+name] = textFunction("a hash of a file, relative to the configuration", func(path string) (string, error) {
			data, err := r.readInput(path)
			return written(hash(data)), err
		})
	}
	for name, hash := range hashes {
		add(name, "", hex.EncodeToString, hash)
	}
	add("sha256", "base64", base64.StdEncoding.EncodeToString, hashes["sha256"])
	add("sha512", "base64", base64.StdEncoding.EncodeToString, hashes["sha512"])
	return out
}

// uuidSpaces are the well-known name spaces (RFC 9562, section 6.6).
var uuidSpaces = map[string]string{
	"dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
	"oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8", "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}

// uuidv5 is the UUID of a name, always the same one (RFC 9562, section 5.5).
var uuidv5 = function.New(&function.Spec{
	Description: "the UUID of a name in a name space, which is dns, url, oid, x500 or a UUID",
	Params:      []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		space, known := uuidSpaces[args[0].AsString()]
		if !known {
			space = args[0].AsString()
		}
		var id []byte
		if len(space) == 36 && space[8] == '-' && space[13] == '-' && space[18] == '-' && space[23] == '-' {
			id, _ = hex.DecodeString(space[:8] + space[9:13] + space[14:18] + space[19:23] + space[24:]) // short when it is none
		}
		if len(id) != 16 {
			return cty.NilVal, function.NewArgErrorf(0, "it is neither dns, url, oid, x500 nor a UUID")
		}
		sum := sha1.Sum(append(id, args[1].AsString()...))
		sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
		return cty.StringVal(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])), nil
	},
})
