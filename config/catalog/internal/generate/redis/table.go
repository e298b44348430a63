package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

func writeParameters(ctx context.Context, client *redis.Client, b *bytes.Buffer) error {
	all, err := client.ConfigGet(ctx, "*").Result()
	if err != nil {
		return fmt.Errorf("reading the parameters: %w", err)
	}
	for _, option := range slices.Sorted(maps.Keys(all)) {
		name, value := strings.ReplaceAll(option, "-", "_"), all[option]
		kind, err := probe(ctx, option)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%q: {Name: %q, Option: %q, %s", name, name, option, kind)
		if refusal := client.ConfigSet(ctx, option, value).Err(); refusal == nil || !fixed.MatchString(refusal.Error()) {
			fmt.Fprintf(b, ", Dynamic: true")
		}
		if word, ok := map[string]string{"yes": "ON", "no": "OFF"}[value]; ok && strings.Contains(kind, "TypeBoolean") {
			value = word
		}
		if value != "" && !strings.HasPrefix(value, "/") {
			fmt.Fprintf(b, ", Default: %q", value)
		}
		fmt.Fprintf(b, "},\n")
	}
	return nil
}

// What the server says to a value that it does not take.
var (
	fixed   = regexp.MustCompile(`can't set (immutable|protected) config`)
	between = regexp.MustCompile(`must be between (-?\d+) and (-?\d+) inclusive`)
	members = regexp.MustCompile(`must be one of the following: (.+)`)
)

// probe gives the server values that no parameter of a type can have, and reads the type out of its refusals.
func probe(ctx context.Context, option string) (string, error) {
	refusal, err := refusalOf(ctx, option, "~~")
	if err != nil {
		return "", err
	}
	switch {
	case strings.Contains(refusal, "must be 'yes' or 'no'"):
		return `Type: TypeBoolean, Enum: []string{"OFF", "ON"}`, nil
	case members.MatchString(refusal):
		return fmt.Sprintf("Type: TypeEnum, Enum: %#v", strings.Split(members.FindStringSubmatch(refusal)[1], ", ")), nil
	case strings.Contains(refusal, "couldn't be parsed into an integer"):
		return numbers(ctx, option, "TypeInteger", "-9223372036854775808")
	case strings.Contains(refusal, "must be a memory value"):
		return numbers(ctx, option, "TypeSize", "0")
	}
	return "Type: TypeString", nil
}

func numbers(ctx context.Context, option, kind string, values ...string) (string, error) {
	for _, value := range append(values, "9223372036854775807") {
		refusal, err := refusalOf(ctx, option, value)
		if err != nil {
			return "", err
		}
		if bounds := between.FindStringSubmatch(refusal); bounds != nil {
			return fmt.Sprintf("Type: %s, Min: %q, Max: %q", kind, bounds[1], bounds[2]), nil
		}
	}
	return fmt.Sprintf(`Type: %s, Min: "0"`, kind), nil
}

// end is a line that no server takes, so that it reads what stands before it and starts nothing.
const end = "this-is-the-end yes"

// refusalOf is what a new server says to a configuration of one line; empty: it takes it.
func refusalOf(ctx context.Context, option, value string) (string, error) {
	cmd := exec.CommandContext(ctx, "redis-server", "-")
	cmd.Stdin = strings.NewReader(option + " \"" + value + "\"\n" + end + "\n")
	cmd.Stdout = io.Discard
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		return "", fmt.Errorf("asking for the type of %s: the server says neither yes nor no: %w", option, err)
	}
	if strings.Contains(complaint.String(), end) {
		return "", nil
	}
	return strings.TrimSpace(complaint.String()), nil
}

func writeCommands(ctx context.Context, client *redis.Client, b *bytes.Buffer) error {
	reply, err := client.Do(ctx, "COMMAND").Slice()
	if err != nil {
		return fmt.Errorf("reading the commands: %w", err)
	}
	categories := map[string]string{}
	if err := collect(reply, categories); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(categories)) {
		fmt.Fprintf(b, "%q: %q,\n", name, categories[name])
	}
	return nil
}

// collect reads entries of COMMAND: the 1st field is the name, the 7th the categories, the 10th the subcommands.
func collect(reply []any, into map[string]string) error {
	for _, one := range reply {
		entry, ok := one.([]any)
		if !ok || len(entry) < 10 {
			return fmt.Errorf("a command is told as %v", one)
		}
		name, isText := entry[0].(string)
		flags, areFlags := entry[6].([]any)
		subcommands, areCommands := entry[9].([]any)
		if !isText || !areFlags || !areCommands {
			return fmt.Errorf("a command is told as %v", one)
		}
		var words []string
		for _, flag := range flags {
			words = append(words, strings.TrimPrefix(fmt.Sprint(flag), "@"))
		}
		slices.Sort(words)
		into[name] = strings.Join(words, " ")
		if err := collect(subcommands, into); err != nil {
			return err
		}
	}
	return nil
}
