package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// breaches names everything in the module that breaks a rule, sorted; none is a house in order.
func (m *module) breaches() []string {
	var out []string
	for _, r := range m.sorted() {
		out = append(out, m.imports(r)...)
		out = append(out, sentences(r)...)
		for _, s := range r.files {
			out = append(out, exits(r, s)...)
			out = append(out, sleeps(r, s)...)
			out = append(out, interfaces(s)...)
			if r.name() == "main" && strings.HasPrefix(r.dir, "cmd/") && s.lines >= maxMain {
				out = append(out, fmt.Sprintf("%s has %d lines: a main has less than %d and decides nothing", s.name, s.lines, maxMain))
			}
		}
	}
	for _, c := range closures {
		out = append(out, m.closure(c)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const (
	maxMain    = 60 // lines of a main
	maxMethods = 6  // of an interface
)

// imports checks a package against its row, and what it imports of others against theirs.
func (m *module) imports(r *room) []string {
	i := slices.IndexFunc(rooms, func(row row) bool { return match(row.from, r.dir) })
	if i < 0 {
		return []string{fmt.Sprintf("%s has no row in the table of rooms: say what it may import and why", r.dir)}
	}
	var out []string
	for _, s := range r.files {
		for _, imported := range s.imports {
			dir, ours := m.ours(imported)
			switch {
			case ours && !matchAny(rooms[i].may, dir):
				out = append(out, fmt.Sprintf("%s imports %s: %s (%s)", s.name, dir, rooms[i].why, r.dir))
			case !ours && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				out = append(out, foreign(r, s, imported)...)
			}
		}
	}
	return out
}

// foreign checks an import of somebody else's package.
func foreign(r *room, s source, imported string) []string {
	for _, t := range theirs {
		if !below(imported, t.from) {
			continue
		}
		if matchAny(t.may, r.dir) {
			return nil
		}
		return []string{fmt.Sprintf("%s imports %s, which belongs to %s: %s", s.name, imported, strings.Join(t.may, ", "), t.why)}
	}
	return []string{fmt.Sprintf("%s imports %s, which has no row: say where it belongs and why", s.name, imported)}
}

// below tells whether a package is part of a module or package.
func below(imported, root string) bool {
	return imported == root || strings.HasPrefix(imported, root+"/")
}

// closure follows what a package links through our own packages.
func (m *module) closure(c row) []string {
	var out []string
	seen := map[string]bool{}
	var follow func(dir string, way []string)
	follow = func(dir string, way []string) {
		r := m.packages[dir]
		if r == nil || seen[dir] {
			return
		}
		seen[dir] = true
		way = append(slices.Clone(way), dir)
		for _, s := range r.files {
			for _, imported := range s.imports {
				if next, ours := m.ours(imported); ours {
					follow(next, way)
				}
				if slices.ContainsFunc(c.may, func(never string) bool { return below(imported, never) }) {
					out = append(out, fmt.Sprintf("%s links %s by way of %s: %s", c.from, imported, strings.Join(way, " > "), c.why))
				}
			}
		}
	}
	follow(c.from, nil)
	return out
}

// sentences checks that a package opens with a sentence for a newcomer.
func sentences(r *room) []string {
	want := "Package " + r.name() + " "
	if r.name() == "main" {
		want = "Command "
	}
	for _, s := range r.files {
		if doc := s.ast.Doc.Text(); strings.HasPrefix(doc, want) && strings.Contains(doc, ".") {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s does not open with a sentence that begins with %q", r.dir, want)}
}

// exits finds os.Exit outside of mains: it skips every deferred cleanup.
func exits(r *room, s source) []string {
	if r.name() == "main" {
		return nil
	}
	var out []string
	calls(s.ast, "os", "Exit", func(*ast.CallExpr) {
		out = append(out, s.name+" calls os.Exit: only a main ends the process")
	})
	return out
}

// sleeps finds waits without a name. A wait whose length is a name (a constant with its reason, a parameter) is one that
// somebody has thought about. Contract suites are tests.
func sleeps(r *room, s source) []string {
	if slices.Contains(s.imports, "testing") || r.name() == "main" && !strings.HasPrefix(r.dir, "cmd/") {
		return nil
	}
	var out []string
	calls(s.ast, "time", "Sleep", func(c *ast.CallExpr) {
		if len(c.Args) != 1 || !named(c.Args[0]) {
			out = append(out, s.name+" calls time.Sleep with a number: give the pause a name that says what it waits for")
		}
	})
	return out
}

// named tells whether an expression is a name, or a name scaled by a number.
func named(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		pkg, ok := e.X.(*ast.Ident)
		return !ok || pkg.Name != "time"
	case *ast.BinaryExpr:
		return named(e.X) || named(e.Y)
	case *ast.ParenExpr:
		return named(e.X)
	default:
		return false
	}
}

// calls visits the calls of a package's function.
func calls(f *ast.File, pkg, function string, visit func(*ast.CallExpr)) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == pkg && selector.Sel.Name == function {
			visit(call)
		}
		return true
	})
}

// interfaces finds those that ask for too much: a noun is missing.
func interfaces(s source) []string {
	var out []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if face, ok := spec.Type.(*ast.InterfaceType); ok {
			methods := 0
			for _, field := range face.Methods.List {
				methods += len(field.Names)
			}
			if methods > maxMethods {
				out = append(out, fmt.Sprintf("%s: the interface %s has %d methods, more than %d: look for the missing noun", s.name, spec.Name.Name, methods, maxMethods))
			}
		}
		return true
	})
	return out
}
