package arch

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the sources of a module, without tests and tools.
type module struct {
	path     string // "github.com/trovectl/trovectl"
	packages map[string]*room
	files    map[string]bool // every .go file, by its path
}

// room is one package.
type room struct {
	dir   string // below the root
	files []source
}

// source is one file.
type source struct {
	name    string // below the root
	ast     *ast.File
	lines   int
	imports []string
}

// load reads the module at the root of a file system. Nested modules, hidden folders and test data are not part of it.
func load(root fs.FS) (*module, error) {
	m := &module{packages: map[string]*room{}, files: map[string]bool{}}
	if err := m.readPath(root); err != nil {
		return nil, err
	}
	positions := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return m.enter(root, name)
		case strings.HasSuffix(name, ".go"):
			return m.add(root, positions, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	return m, nil
}

func (m *module) readPath(root fs.FS) error {
	data, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return fmt.Errorf("reading the module's name: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			m.path = strings.TrimSpace(name)
			return nil
		}
	}
	return fmt.Errorf("go.mod names no module")
}

func (m *module) enter(root fs.FS, dir string) error {
	base := path.Base(dir)
	if dir == "." {
		return nil
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (m *module) add(root fs.FS, positions *token.FileSet, name string) error {
	m.files[name] = true
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(positions, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if aside(parsed) {
		return nil
	}
	s := source{name: name, ast: parsed, lines: strings.Count(string(data), "\n")}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		s.imports = append(s.imports, imported)
	}
	dir := path.Dir(name)
	if m.packages[dir] == nil {
		m.packages[dir] = &room{dir: dir}
	}
	m.packages[dir].files = append(m.packages[dir].files, s)
	return nil
}

// aside tells whether a file is kept out of every build by its constraint ("ignore", "tools").
func aside(f *ast.File) bool {
	for _, group := range f.Comments {
		if group.Pos() > f.Package {
			return false
		}
		for _, c := range group.List {
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				continue
			}
			// With every other tag set, only the tag that keeps a file aside can make it false.
			if !expr.Eval(func(tag string) bool { return tag != "ignore" && tag != "tools" }) &&
				expr.Eval(func(string) bool { return true }) {
				return true
			}
		}
	}
	return false
}

// sorted lists the packages by folder.
func (m *module) sorted() []*room {
	out := make([]*room, 0, len(m.packages))
	for _, r := range m.packages {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *room) int { return strings.Compare(a.dir, b.dir) })
	return out
}

// name is the package's name.
func (r *room) name() string { return r.files[0].ast.Name.Name }

// ours cuts the module's path off an import; ok is false for the packages of others.
func (m *module) ours(imported string) (dir string, ok bool) {
	if imported == m.path {
		return ".", true
	}
	return strings.CutPrefix(imported, m.path+"/")
}

// match tells whether a folder fits a pattern of the table.
func match(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return dir == below || strings.HasPrefix(dir, below+"/")
	}
	ok, err := path.Match(pattern, dir)
	return err == nil && ok
}

func matchAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, dir) })
}
