package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad loads anything: no panic, a configuration always, and either nothing wrong or something told.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, configSuffix) {
				f.Add(string(file.Data), "x = 1", "a")
			}
		}
	}
	f.Fuzz(func(t *testing.T, main, values, environ string) {
		if len(main) > 4096 || len(values) > 1024 || strings.Contains(main, "file") {
			return // bounded, and away from the files of the machine
		}
		dir := writeFiles(t, map[string]string{"main.trove.hcl": main, "zz.trove.hcl": base, "trovevars.hcl": values})
		in := Input{Environ: []string{"TROVE_VAR_v=" + environ}, Version: "1.0.0"}
		c, list := Load(dir, in)
		if c == nil || c.Set == nil {
			t.Fatal("no configuration")
		}
		checkDiagnostics(t, list)
		for _, d := range list {
			if strings.Contains(d.Detail, "bug in trovectl") {
				t.Fatal(d.Detail)
			}
		}
		if list.HasErrors() {
			return
		}
		for _, res := range c.Set.Sorted() {
			for _, dep := range res.Dependencies() {
				if c.Set.Resources[dep] == nil {
					t.Fatalf("%s rests on %s, which is not there", res.Address, dep)
				}
			}
		}
		c.Outputs(nil, true)
		LoadSettings(dir, in)
	})
}
