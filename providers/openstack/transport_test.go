package openstack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRepliesAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		path  string
		limit int64
		want  string
	}{{"/", 1000, ""}, {"/", 999, "longer than 999 bytes"}, {"/slow", 1000, "deadline exceeded"}} {
		client := http.Client{Transport: &bounded{next: http.DefaultTransport, limit: c.limit, timeout: 200 * time.Millisecond}}
		err := fetch(&client, server.URL+c.path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with at most %d bytes: got %v, want %q", c.path, c.limit, err, c.want)
		}
	}
}

func fetch(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}
