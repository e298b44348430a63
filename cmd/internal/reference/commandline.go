package reference

import (
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/cmd/internal/command"
)

func commands(p *page) {
	all := command.Describe()
	p.title("Commands", "`-flag` and `--flag` are the same. `-chdir=DIR` stands before the command. Words and options may be mixed. What the exit codes mean: "+
		"[exit codes](exit-codes.md).")
	rows := [][]string{}
	for _, c := range all.Commands {
		rows = append(rows, []string{"[`" + c.Words + "`](#" + strings.ReplaceAll(c.Words, " ", "-") + ")", c.Synopsis})
	}
	p.table([]string{"command", "what it does"}, rows)
	for _, c := range all.Commands {
		p.heading(2, "%s", c.Words)
		p.line("%s.", c.Synopsis)
		p.line("")
		p.line("```\n%s\n```", c.Usage)
		rows := [][]string{}
		for _, o := range c.Options {
			rows = append(rows, []string{code("-" + o.Name), code(o.Default), o.Doc})
		}
		p.table([]string{"option", "default", "what it does"}, rows)
	}
	if len(all.Later) > 0 {
		p.heading(2, "Not available yet")
		p.line("These belong to the language and answer that they are not available yet: %s.", codes(all.Later))
	}
	p.heading(2, "Words of Terraform")
	p.line("What people type out of habit, and what trovectl answers:")
	rows = nil
	for _, h := range all.Habits {
		rows = append(rows, []string{code(h.Word), h.Instead})
	}
	p.table([]string{"word", "answer"}, rows)
}

func exitCodes(p *page) {
	p.title("Exit codes", "The same for every command; where a command has more to say, it says so.")
	rows := [][]string{}
	for _, e := range command.Describe().Exits {
		rows = append(rows, []string{strconv.Itoa(e.Code), e.Doc})
	}
	p.table([]string{"code", "meaning"}, rows)
}

func environment(p *page) {
	p.title("Environment", "What trovectl reads of its environment. Nothing else there changes what it does.")
	rows := [][]string{}
	for _, v := range command.Describe().Variables {
		rows = append(rows, []string{code(v.Name), v.Doc})
	}
	p.table([]string{"variable", "meaning"}, rows)
}
