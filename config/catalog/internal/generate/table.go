package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"go/format"
	"os/exec"
	"slices"
	"strings"
)

// options that are spelled otherwise than the variable they set.
var options = map[string]string{"time_zone": "default_time_zone", "tx_isolation": "transaction_isolation"}

func table(ctx context.Context, db *sql.DB, function, version string) ([]byte, error) {
	running, err := query(ctx, db, "SELECT VERSION()")
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(running[0][0], version+".") {
		return nil, fmt.Errorf("the installed server is %s, not %s", running[0][0], version)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated from the server's own tables by internal/generate; DO NOT EDIT.\n\npackage catalog\n\n")
	fmt.Fprintf(&b, "func %s() Version {\nreturn Version{\nName: %q,\n", function, version)
	if err := writeParameters(ctx, db, &b); err != nil {
		return nil, err
	}
	if err := writeCharsets(ctx, db, &b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "}\n}\n")
	return format.Source(b.Bytes())
}

// optionNames are the settings that an option file may hold.
func optionNames(ctx context.Context) (map[string]bool, error) {
	text, err := exec.CommandContext(ctx, "/usr/sbin/mariadbd", "--no-defaults", "--help", "--verbose").Output()
	if err != nil {
		return nil, fmt.Errorf("asking the server for its options: %w", err)
	}
	names, inside := map[string]bool{}, false
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, "-----") {
			inside = true
			continue
		}
		if fields := strings.Fields(line); inside && len(fields) > 0 {
			names[strings.ReplaceAll(fields[0], "-", "_")] = true
		}
	}
	return names, nil
}

func writeParameters(ctx context.Context, db *sql.DB, b *bytes.Buffer) error {
	inFile, err := optionNames(ctx)
	if err != nil {
		return err
	}
	rows, err := query(ctx, db, `SELECT LOWER(VARIABLE_NAME), VARIABLE_TYPE, DEFAULT_VALUE, GLOBAL_VALUE, NUMERIC_MIN_VALUE,
		NUMERIC_MAX_VALUE, NUMERIC_BLOCK_SIZE, ENUM_VALUE_LIST, READ_ONLY, COMMAND_LINE_ARGUMENT, GLOBAL_VALUE_ORIGIN
		FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_SCOPE <> 'SESSION ONLY' ORDER BY LOWER(VARIABLE_NAME)`)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "Parameters: map[string]Parameter{\n")
	for _, row := range rows {
		name, option := row[0], options[row[0]]
		fmt.Fprintf(b, "%q: {Name: %q, Type: %s", name, name, typeOf(row[1], row[7]))
		if strings.Contains(row[1], "INT") || row[1] == "DOUBLE" {
			writeNumbers(b, row)
		}
		if row[7] != null {
			writeMembers(b, row[1], row[7])
		}
		if row[1] == "SET" && row[8] == "NO" {
			if err := writeExpansions(ctx, db, b, name, strings.Split(row[7], ",")); err != nil {
				return err
			}
		}
		if row[8] == "NO" {
			fmt.Fprintf(b, ", Dynamic: true")
		}
		if value := defaultOf(row); value != "" {
			fmt.Fprintf(b, ", Default: %q", value)
		}
		if option != "" {
			fmt.Fprintf(b, ", Option: %q", option)
		}
		if !inFile[name] && option == "" {
			fmt.Fprintf(b, ", Refused: %q", "an option file cannot hold it, so that it would not outlive a restart")
		}
		fmt.Fprintf(b, "},\n")
	}
	fmt.Fprintf(b, "},\n")
	return nil
}

func typeOf(column, members string) string {
	switch {
	case strings.Contains(column, "INT"):
		return "TypeInteger"
	case column == "DOUBLE":
		return "TypeNumber"
	case column == "BOOLEAN":
		return "TypeBoolean"
	case column == "ENUM" && members != null:
		return "TypeEnum"
	case column == "SET" || column == "FLAGSET":
		return "TypeSet"
	}
	return "TypeString"
}

func writeNumbers(b *bytes.Buffer, row []string) {
	if row[4] != null {
		fmt.Fprintf(b, ", Min: %q", row[4])
	}
	if row[5] != null {
		fmt.Fprintf(b, ", Max: %q", row[5])
	}
	if step := row[6]; step != null && step != "0" && step != "1" && row[1] != "DOUBLE" {
		fmt.Fprintf(b, ", Step: %q", step)
	}
}

func writeMembers(b *bytes.Buffer, column, list string) {
	members := strings.Split(list, ",")
	if column == "FLAGSET" {
		// The last "member" is the word that stands for all defaults.
		members = slices.DeleteFunc(members, func(m string) bool { return m == "default" })
		fmt.Fprintf(b, ", Flags: true")
	}
	fmt.Fprintf(b, ", Enum: %#v", members)
}

// writeExpansions sets each member alone and looks what becomes of it: some stand for several.
func writeExpansions(ctx context.Context, db *sql.DB, b *bytes.Buffer, name string, members []string) error {
	var lines []string
	for _, member := range members {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("SET GLOBAL %s = '%s'", name, member)); err != nil {
			continue // what the server refuses alone it refuses later, too
		}
		rows, err := query(ctx, db, "SELECT @@GLOBAL."+name)
		if err != nil {
			return err
		}
		if got := strings.Split(rows[0][0], ","); rows[0][0] != member && rows[0][0] != "" {
			lines = append(lines, fmt.Sprintf("%q: %#v", member, got))
		}
	}
	if _, err := db.ExecContext(ctx, "SET GLOBAL "+name+" = DEFAULT"); err != nil {
		return fmt.Errorf("setting %s back: %w", name, err)
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, ", Expands: map[string][]string{%s}", strings.Join(lines, ", "))
	}
	return nil
}

// defaultOf is empty where the server computes the value from its machine or from other settings.
func defaultOf(row []string) string {
	value := row[2]
	if value == null || row[10] == "AUTO" || strings.HasPrefix(value, "/") {
		return ""
	}
	switch {
	case row[1] == "BOOLEAN":
		if value = boolean(value); value != boolean(row[3]) {
			return ""
		}
		return value
	case strings.Contains(row[1], "INT") && value != row[3]:
		return ""
	case row[1] == "DOUBLE" && strings.Contains(value, "."):
		return strings.TrimSuffix(strings.TrimRight(value, "0"), ".")
	}
	return value
}

func boolean(value string) string {
	return map[string]string{"1": "ON", "0": "OFF", "ON": "ON", "OFF": "OFF", "TRUE": "ON", "FALSE": "OFF"}[value]
}

func writeCharsets(ctx context.Context, db *sql.DB, b *bytes.Buffer) error {
	rows, err := query(ctx, db, `SELECT CHARACTER_SET_NAME, FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY
		ORDER BY CHARACTER_SET_NAME, IS_DEFAULT = 'Yes' DESC, FULL_COLLATION_NAME`)
	if err != nil {
		return err
	}
	collations := map[string][]string{}
	var names []string
	for _, row := range rows {
		if collations[row[0]] == nil {
			names = append(names, row[0])
		}
		collations[row[0]] = append(collations[row[0]], row[1])
	}
	fmt.Fprintf(b, "Charsets: map[string][]string{\n")
	for _, name := range names {
		fmt.Fprintf(b, "%q: {\n", name)
		for _, collation := range collations[name] {
			fmt.Fprintf(b, "%q,\n", collation)
		}
		fmt.Fprintf(b, "},\n")
	}
	fmt.Fprintf(b, "},\n")
	return nil
}
