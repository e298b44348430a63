// Command generate writes the reference pages into a directory.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/trovectl/trovectl/cmd/internal/reference"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIRECTORY")
		os.Exit(1)
	}
	for name, text := range reference.Pages() {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "writing a reference page:", err)
			os.Exit(1)
		}
	}
}
