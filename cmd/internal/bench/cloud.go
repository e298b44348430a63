package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ready waits until the machines of an earlier life of the cloud run again, so that their boot is not measured.
func (f *fleet) ready(ctx context.Context) error {
	for {
		s, err := f.status(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(s.Servers, func(server struct {
			Running bool `json:"running"`
		}) bool {
			return !server.Running
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// slow makes every request to the cloud's services take the latency.
func (f *fleet) slow(ctx context.Context) error {
	fault := fmt.Sprintf(`{"kind": "latency", "latency_ms": %d, "count": -1}`, f.latency.Milliseconds())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.listen+"/_dev/faults", strings.NewReader(fault))
	if err != nil {
		return fmt.Errorf("asking for latency: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking for latency: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("asking for latency: %w", err)
	}
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("asking for latency: the cloud answers %s", response.Status)
	}
	return nil
}
