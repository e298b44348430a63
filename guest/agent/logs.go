package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

const (
	// mostLog bounds one part of a log, in bytes.
	mostLog = 1 << 20
	// aroundLog is how far before and behind a part is looked, so that a secret which begins or ends there is covered.
	aroundLog = 64 << 10
)

func (a *Agent) putLogs(ctx context.Context, in guest.PutLogs) (guest.Done, error) {
	logged, err := power[engine.Logged](a, "logs")
	if err != nil {
		return guest.Done{}, err
	}
	for _, name := range in.Enabled {
		if _, err := findLog(ctx, logged, name); err != nil {
			return guest.Done{}, err
		}
	}
	if err := logged.PutLogs(ctx, in.Enabled); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "choosing the logs", err)
	}
	return guest.Done{}, nil
}

// rotateLog fulfils guest.RotateLog. Where a crash came between the new name and the new file, the engine opens the file
// when it is asked again.
func (a *Agent) rotateLog(ctx context.Context, in guest.RotateLog) (guest.Done, error) {
	logged, err := power[engine.Logged](a, "logs")
	if err != nil {
		return guest.Done{}, err
	}
	log, err := findLog(ctx, logged, in.Name)
	if err != nil {
		return guest.Done{}, err
	}
	if err := os.Rename(log.Path, log.Path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return guest.Done{}, fmt.Errorf("rotating the log %s: %w", in.Name, err)
	}
	if err := logged.ReopenLog(ctx, in.Name); err != nil {
		return guest.Done{}, asGuestError(guest.KindEngine, "opening the log "+in.Name+" anew", err)
	}
	return guest.Done{}, nil
}

// trimLogs rotates the logs that have grown too large, so that they never fill the disk. A request in work comes first.
func (a *Agent) trimLogs(ctx context.Context) {
	server, _ := a.theEngine()
	logged, ok := server.(engine.Logged)
	if !ok || !a.tryLock() {
		return
	}
	defer a.unlock()
	logs, err := logged.ListLogs(ctx)
	if err != nil {
		return // the engine is down, and does not write either
	}
	for _, log := range logs {
		info, err := os.Stat(log.Path)
		if err != nil || info.Size() < a.config.MaxLog {
			continue
		}
		a.log.Info("a log begins anew", "log", log.Name, "bytes", info.Size())
		if _, err := a.rotateLog(ctx, guest.RotateLog{Name: log.Name}); err != nil {
			a.log.Error("rotating a log", "log", log.Name, "error", err)
		}
	}
}

func findLog(ctx context.Context, logged engine.Logged, name string) (engine.Log, error) {
	logs, err := logged.ListLogs(ctx)
	if err != nil {
		return engine.Log{}, asGuestError(guest.KindEngine, "listing the logs", err)
	}
	var names []string
	for _, log := range logs {
		if log.Name == name {
			return log, nil
		}
		names = append(names, log.Name)
	}
	slices.Sort(names)
	return engine.Log{}, guest.Errorf(guest.KindInvalid, "there is no log %q; there are %s", name, strings.Join(names, ", "))
}

// observeLogs lists the logs with their sizes, by name.
func observeLogs(ctx context.Context, logged engine.Logged) ([]guest.ObservedLog, error) {
	logs, err := logged.ListLogs(ctx)
	if err != nil {
		return nil, asGuestError(guest.KindEngine, "listing the logs", err)
	}
	var out []guest.ObservedLog
	for _, log := range logs {
		seen := guest.ObservedLog{Name: log.Name, Enabled: log.Enabled || log.Fixed, Fixed: log.Fixed}
		if info, err := os.Stat(log.Path); err == nil {
			seen.Size = info.Size()
		}
		out = append(out, seen)
	}
	slices.SortFunc(out, func(a, b guest.ObservedLog) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// readLog fulfils guest.ReadLog. A log that was never written is empty.
func (a *Agent) readLog(ctx context.Context, in guest.ReadLog) (guest.LogPart, error) {
	logged, err := power[engine.Logged](a, "logs")
	if err != nil {
		return guest.LogPart{}, err
	}
	log, err := findLog(ctx, logged, in.Name)
	if err != nil {
		return guest.LogPart{}, err
	}
	part, err := readPart(log.Path, in.Offset, in.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return guest.LogPart{}, nil
	}
	if err != nil {
		return guest.LogPart{}, fmt.Errorf("reading the log %s: %w", in.Name, err)
	}
	return part, nil
}

func readPart(path string, offset int64, limit int) (guest.LogPart, error) {
	file, err := os.Open(path)
	if err != nil {
		return guest.LogPart{}, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return guest.LogPart{}, err
	}
	size := info.Size()
	if limit <= 0 || limit > mostLog {
		limit = mostLog
	}
	if offset < 0 {
		offset += size
	}
	from := min(max(offset, 0), size)
	to := min(from+int64(limit), size)
	around := max(from-aroundLog, 0)
	text := make([]byte, min(to+aroundLog, size)-around)
	n, err := file.ReadAt(text, around)
	if err != nil && !errors.Is(err, io.EOF) { // it was rotated meanwhile: what is there counts
		return guest.LogPart{}, err
	}
	text = text[:n]
	mask(text)
	first := min(from-around, int64(n))
	return guest.LogPart{Offset: from, Size: size, Data: text[first:min(to-around, int64(n))]}, nil
}
