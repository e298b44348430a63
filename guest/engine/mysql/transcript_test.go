package mysql

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	driverpkg "github.com/go-sql-driver/mysql"

	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// transcript stands in for a server, behind the driver's own interface: it knows what will be said to it, in order, and
// what a server answers according to the manual. A line that begins with ">" is a statement, "<" a row of its answer, the
// first with the names of the columns, cells apart by "|" and NULL as "\N", and "!" an error with its number. @VERIFIER@ is
// that of the tests, @HEX@ the same in hexadecimal, and @CERTIFICATES@ the directory of the certificate.
type transcript struct {
	t     *testing.T
	file  string
	lines []string
}

// converse makes the engine speak to a transcript from now on; all of it must be said before the test ends.
func converse(t *testing.T, e *Engine, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	must(t, err)
	tr := &transcript{t: t, file: file}
	known := strings.NewReplacer("@VERIFIER@", verifier(e), "@HEX@", strings.ToUpper(hex.EncodeToString([]byte(verifier(e)))),
		"@CERTIFICATES@", filepath.Dir(e.Paths.Certificate.Key))
	for line := range strings.Lines(known.Replace(string(text))) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			tr.lines = append(tr.lines, line)
		}
	}
	e.Connect = func(ctx context.Context) (*mysqlfamily.Session, error) { return mysqlfamily.NewSession(ctx, tr) }
	t.Cleanup(func() {
		if len(tr.lines) > 0 {
			t.Errorf("%s: not said: %s", file, tr.lines[0])
		}
	})
}

// answer takes the next statement and its answer from the transcript.
func (tr *transcript) answer(statement string) (rows [][]string, err error) {
	statement = strings.Join(strings.Fields(statement), " ")
	want := "nothing more"
	if len(tr.lines) > 0 {
		want = tr.lines[0]
	}
	if want != "> "+statement {
		tr.t.Errorf("%s:\nwant %s\ngot  > %s", tr.file, want, statement)
		return nil, errors.New("not in the transcript")
	}
	for tr.lines = tr.lines[1:]; len(tr.lines) > 0 && tr.lines[0][0] != '>'; tr.lines = tr.lines[1:] {
		kind, text, _ := strings.Cut(tr.lines[0], " ")
		if kind == "!" {
			number, message, _ := strings.Cut(text, " ")
			n, err := strconv.ParseUint(number, 10, 16)
			must(tr.t, err)
			tr.lines = tr.lines[1:]
			return nil, &driverpkg.MySQLError{Number: uint16(n), Message: message}
		}
		rows = append(rows, strings.Split(text, "|"))
	}
	return rows, nil
}

func (tr *transcript) Connect(context.Context) (driver.Conn, error) { return tr, nil }
func (tr *transcript) Driver() driver.Driver                        { return nil }
func (tr *transcript) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (tr *transcript) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (tr *transcript) Close() error                                 { return nil }

func (tr *transcript) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	_, err := tr.answer(statement)
	return driver.ResultNoRows, err
}

func (tr *transcript) QueryContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Rows, error) {
	rows, err := tr.answer(statement)
	if err != nil {
		return nil, err
	}
	return &answered{rows}, nil
}

type answered struct{ rows [][]string }

func (a *answered) Columns() []string {
	if len(a.rows) == 0 {
		return []string{"none"}
	}
	return a.rows[0]
}
func (a *answered) Close() error { return nil }

func (a *answered) Next(cells []driver.Value) error {
	if len(a.rows) < 2 {
		return io.EOF
	}
	for i, cell := range a.rows[1] {
		if cells[i] = cell; cell == `\N` {
			cells[i] = nil
		}
	}
	a.rows = append(a.rows[:1], a.rows[2:]...)
	return nil
}
