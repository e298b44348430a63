package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunctions look at files, relative to the configuration. What they see counts for the digest.
func (r *reader) fileFunctions() map[string]function.Function {
	return map[string]function.Function{
		"file":         textFunction("the content of a text file, relative to the configuration", r.readText),
		"filebase64":   textFunction("the content of a file in Base64, relative to the configuration", r.readBase64),
		"fileexists":   r.fileExistsFunction(),
		"fileset":      r.fileSetFunction(),
		"templatefile": r.templateFunction("path", "a text file as a template, with variables", r.readText),
		"templatestring": r.templateFunction("template", "a text as a template, with variables; write $${ for what the template is to fill in",
			func(text string) (string, error) { return text, nil }),
		"abspath":    textFunction("the path, made absolute", func(path string) (string, error) { return filepath.Abs(r.local(path)) }),
		"basename":   textFunction("the last part of a path", func(path string) (string, error) { return filepath.Base(path), nil }),
		"dirname":    textFunction("a path without its last part", func(path string) (string, error) { return filepath.Dir(path), nil }),
		"pathexpand": textFunction("a path with ~/ as the home directory", func(path string) (string, error) { return expandHome(path), nil }),
	}
}

// readInput reads a file of the configuration's directory.
func (r *reader) readInput(path string) ([]byte, error) {
	data, err := readBounded(r.local(path))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %s", reason(err))
	}
	r.inputs[path] = data
	return data, nil
}

func (r *reader) readText(path string) (string, error) {
	data, err := r.readInput(path)
	if err == nil && !utf8.Valid(data) {
		return "", errors.New("the file is not a text in UTF-8")
	}
	return string(data), err
}

func (r *reader) readBase64(path string) (string, error) {
	data, err := r.readInput(path)
	return base64.StdEncoding.EncodeToString(data), err
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

// fileSetFunction lists plain files by a pattern: * and ? within a name, ** across directories, [a-z] and {one,two}.
func (r *reader) fileSetFunction() function.Function {
	return function.New(&function.Spec{
		Description: "the plain files below a directory whose paths match a pattern with *, **, ?, [a-z] and {a,b}",
		Params:      []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			match, err := globPattern(args[1].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "it is not a pattern")
			}
			names, err := filesBelow(r.local(args[0].AsString()), match)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "listing the directory: %s", reason(err))
			}
			r.inputs["files "+args[0].AsString()+" "+args[1].AsString()] = []byte(strings.Join(names, "\n"))
			if len(names) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			var out []cty.Value
			for _, name := range names {
				out = append(out, cty.StringVal(name))
			}
			return cty.SetVal(out), nil
		},
	})
}

func filesBelow(dir string, match *regexp.Regexp) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if name = filepath.ToSlash(name); err == nil && match.MatchString(name) {
			out = append(out, name)
		}
		return err
	})
	return out, err
}

// globPattern turns a pattern of paths into a regular expression.
func globPattern(glob string) (*regexp.Regexp, error) {
	var b strings.Builder
	depth := 0
	for rest := glob; rest != ""; {
		cut := 1
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			cut = 3
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			cut = 2
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
		case rest[0] == '[' && strings.Contains(rest, "]"):
			cut = strings.IndexByte(rest, ']') + 1
			b.WriteString(strings.Replace(rest[:cut], "[!", "[^", 1))
		case rest[0] == '{':
			b.WriteString("(?:")
			depth++
		case rest[0] == '}' && depth > 0:
			b.WriteString(")")
			depth--
		case rest[0] == ',' && depth > 0:
			b.WriteString("|")
		default:
			_, cut = utf8.DecodeRuneInString(rest)
			b.WriteString(regexp.QuoteMeta(rest[:cut]))
		}
		rest = rest[cut:]
	}
	return regexp.Compile("^" + b.String() + "$")
}

// templateFunction fills a template in. Templates see their variables and all functions but these two.
func (r *reader) templateFunction(param, doc string, source func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: param, Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := source(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if ty := args[1].Type(); !ty.IsObjectType() && !ty.IsMapType() {
				return cty.NilVal, function.NewArgErrorf(1, "it must be a map")
			}
			if !args[1].IsWhollyKnown() {
				return cty.UnknownVal(cty.String), nil
			}
			vars := map[string]cty.Value{} // not nil, of which hcl says that variables are not allowed
			maps.Copy(vars, args[1].AsValueMap())
			return r.fillTemplate(text, vars)
		},
	})
}

func (r *reader) fillTemplate(text string, vars map[string]cty.Value) (cty.Value, error) {
	expr, found := hclsyntax.ParseTemplate([]byte(text), "the template", hcl.InitialPos)
	if !found.HasErrors() {
		ctx := &hcl.EvalContext{Variables: vars, Functions: r.templateFunctions()}
		var v cty.Value
		if v, found = expr.Value(ctx); !found.HasErrors() {
			return convert.Convert(v, cty.String)
		}
	}
	d := found[slices.IndexFunc(found, func(d *hcl.Diagnostic) bool { return d.Severity == hcl.DiagError })]
	at := ""
	if d.Subject != nil {
		at = fmt.Sprintf("line %d of ", d.Subject.Start.Line)
	}
	return cty.NilVal, function.NewArgErrorf(0, "%sthe template: %s: %s", at, d.Summary, strings.TrimSuffix(d.Detail, "."))
}

func (r *reader) local(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}
