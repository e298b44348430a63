// Command trovectl runs databases on OpenStack from HCL files.
package main

import (
	"os"

	"github.com/trovectl/trovectl/cmd/internal/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ()))
}
