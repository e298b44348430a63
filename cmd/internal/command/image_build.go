package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest/image"
)

// imageFlags are the options of the image commands.
type imageFlags struct {
	datastore, version, output, agent, release, mirror string
	size                                               int

	cloud, name     string
	tags            []string
	public, private bool
}

var imageBuildSpec = spec{
	synopsis: "Build the disk image that a guest boots from: Debian, an engine and the agent; needs root, and no cloud",
	usage:    "trovectl image build -datastore NAME -version VERSION [options]",
	flags: func(f *flags) {
		f.set.StringVar(&f.image.datastore, "datastore", "", "the engine: "+strings.Join(image.Engines(), ", "))
		f.set.StringVar(&f.image.version, "version", "", "the engine's version, as a datastore block names it: 10.11, 15, 7.0")
		f.set.StringVar(&f.image.output, "o", "", "FILE to write; default: trovectl-ENGINE-VERSION-amd64.qcow2")
		f.set.StringVar(&f.image.agent, "agent", "", "FILE of the agent's static binary; default: trove-guestagent beside trovectl")
		f.set.StringVar(&f.image.release, "release", "", "of Debian; default: the one that has the version")
		f.set.StringVar(&f.image.mirror, "mirror", "", "URL of Debian's archive; default: the one that this machine's apt uses")
		f.set.IntVar(&f.image.size, "size", image.DefaultSizeMiB, "MiB of the disk; it grows into a server's larger one")
		f.jsonOutput()
	},
	run: runImageBuild,
}

func runImageBuild(m *Meta, f *flags) int {
	if err := f.words(0, 0, "no argument"); err != nil {
		return m.fail("%v", err)
	}
	o := f.image
	if o.datastore == "" || o.version == "" {
		return m.fail("image build needs -datastore and -version, as in `trovectl image build -datastore postgresql -version 15`")
	}
	agent := o.agent
	if agent == "" {
		var err error
		if agent, err = executable("trove-guestagent"); err != nil {
			return m.failErr("There is no agent to put into the image", err)
		}
	}
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	started := time.Now()
	output := m.path(cmp.Or(o.output, image.FileName(o.datastore, o.version)))
	made, err := image.Build(ctx, image.Options{
		Engine: o.datastore, Version: o.version, Output: output, Agent: agent, Release: o.release, Mirror: o.mirror, SizeMiB: o.size,
		Now: time.Now, Step: m.stepper(f.json),
	})
	if err != nil {
		return m.failErr("The image was not built", err)
	}
	if f.json {
		return m.printJSON(json.MarshalIndent(made, "", "  "))
	}
	_, _ = fmt.Fprintf(m.streams.Out, "\n%s: %s %s, agent %s, %s, built in %s\nsha256 %s\n\nInto the cloud: trovectl image upload %s\n",
		output, made.Engine, made.EnginePackage, made.AgentVersion, mebibytes(made.Size), time.Since(started).Round(time.Second), made.SHA256, output)
	return exitOK
}

// stepper tells of steps that take long, to a person.
func (m *Meta) stepper(quiet bool) func(string) func() {
	return func(name string) func() {
		if quiet {
			return func() {}
		}
		began := time.Now()
		_, _ = fmt.Fprintf(m.streams.Out, "%s ...", name)
		return func() { _, _ = fmt.Fprintf(m.streams.Out, " %.0f s\n", time.Since(began).Seconds()) }
	}
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
