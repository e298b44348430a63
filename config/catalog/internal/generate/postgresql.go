package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func runPostgreSQL(out, function, version string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	directory, err := os.MkdirTemp("", "catalog-*")
	if err != nil {
		return fmt.Errorf("making a directory for the server: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	server, err := startPostgreSQL(ctx, directory, filepath.Join("/usr/lib/postgresql", version, "bin"))
	if err != nil {
		return err
	}
	// A fast end: the default waits for whoever is connected.
	defer func() { err = errors.Join(err, server.Process.Signal(syscall.SIGINT), server.Wait()) }()
	conn, err := connectPostgreSQL(ctx, directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated from the server's own tables by internal/generate; DO NOT EDIT.\n\npackage catalog\n\n")
	fmt.Fprintf(&b, "func %s() Version {\nreturn Version{\nName: %q,\n", function, version)
	if err := errors.Join(writeEncodings(ctx, conn, &b), writeSettings(ctx, conn, &b)); err != nil {
		return err
	}
	fmt.Fprintf(&b, "}\n}\n")
	source, err := format.Source(b.Bytes())
	if err != nil {
		return fmt.Errorf("formatting the table: %w", err)
	}
	if err := os.WriteFile(out, source, 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// startPostgreSQL makes an empty server with an empty configuration. It refuses root, who runs it as postgres.
func startPostgreSQL(ctx context.Context, directory, binaries string) (*exec.Cmd, error) {
	data, config := filepath.Join(directory, "data"), filepath.Join(directory, "empty.conf")
	if err := os.WriteFile(config, nil, 0o644); err != nil {
		return nil, fmt.Errorf("writing an empty configuration: %w", err)
	}
	as := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			return nil, fmt.Errorf("looking for the user postgres: %w", err)
		}
		uid, errU := strconv.ParseUint(owner.Uid, 10, 32)
		gid, errG := strconv.ParseUint(owner.Gid, 10, 32)
		if err := errors.Join(errU, errG, os.Chown(directory, int(uid), int(gid))); err != nil {
			return nil, fmt.Errorf("giving the directory away: %w", err)
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(binaries, "initdb"), "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr = as
	if text, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initialising a server: %w: %s", err, text)
	}
	server := exec.Command(filepath.Join(binaries, "postgres"), "-D", data, "-c", "config_file="+config, "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+directory)
	server.SysProcAttr = as
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting a server: %w", err)
	}
	return server, nil
}

func connectPostgreSQL(ctx context.Context, directory string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("preparing a connection: %w", err)
	}
	config.Host, config.User, config.Database, config.TLSConfig, config.Fallbacks = directory, "postgres", "postgres", nil, nil
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting for the server: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// writeEncodings lists those that a database may have: the ones beyond GBK's neighbours are of clients only.
func writeEncodings(ctx context.Context, conn *pgx.Conn, b *bytes.Buffer) error {
	var names []string
	err := conn.QueryRow(ctx, `SELECT array_agg(name ORDER BY name COLLATE "C") FROM (SELECT pg_encoding_to_char(i) AS name
		FROM generate_series(0, 100) AS i) AS e WHERE name NOT IN ('', 'SJIS', 'BIG5', 'GBK', 'UHC', 'GB18030', 'JOHAB', 'SHIFT_JIS_2004')`).Scan(&names)
	if err != nil {
		return fmt.Errorf("asking for the encodings: %w", err)
	}
	fmt.Fprintf(b, "Encodings: %#v,\n", names)
	return nil
}

var postgresqlTypes = map[string]string{"bool": "TypeBoolean", "integer": "TypeInteger", "real": "TypeNumber", "enum": "TypeEnum", "string": "TypeString"}

// writeSettings: a default is left out where the server computes it from its machine or from other settings.
func writeSettings(ctx context.Context, conn *pgx.Conn, b *bytes.Buffer) error {
	rows, err := conn.Query(ctx, `SELECT lower(name), vartype, context, coalesce(unit, ''), coalesce(min_val, ''), coalesce(max_val, ''),
		coalesce(enumvals, '{}'), CASE WHEN boot_val = reset_val THEN current_setting(name) ELSE '' END
		FROM pg_settings ORDER BY lower(name) COLLATE "C"`)
	if err != nil {
		return fmt.Errorf("asking for the settings: %w", err)
	}
	defer rows.Close()
	fmt.Fprintf(b, "Parameters: map[string]Parameter{\n")
	for rows.Next() {
		var name, kind, when, unit, least, most, value string
		var members []string
		if err := rows.Scan(&name, &kind, &when, &unit, &least, &most, &members, &value); err != nil {
			return fmt.Errorf("reading the settings: %w", err)
		}
		fmt.Fprintf(b, "%q: {Name: %q, Type: %s", name, name, postgresqlTypes[kind])
		for _, limit := range [][2]string{{"Min", least}, {"Max", most}} {
			// The largest number there is says that there is no limit.
			if limit[1] != "" && !strings.Contains(limit[1], "e+308") {
				fmt.Fprintf(b, ", %s: %q", limit[0], limit[1])
			}
		}
		if len(members) > 0 {
			fmt.Fprintf(b, ", Enum: %#v", members)
		}
		if unit != "" {
			fmt.Fprintf(b, ", Unit: %q", unit)
		}
		if when != "postmaster" && when != "internal" {
			fmt.Fprintf(b, ", Dynamic: true")
		}
		if kind == "bool" {
			value = strings.ToUpper(value)
		}
		if value != "" {
			fmt.Fprintf(b, ", Default: %q", value)
		}
		if when == "internal" {
			fmt.Fprintf(b, ", Refused: %q", "the server only reports it")
		}
		fmt.Fprintf(b, "},\n")
	}
	fmt.Fprintf(b, "},\n")
	return rows.Err()
}
