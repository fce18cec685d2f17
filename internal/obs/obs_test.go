package obs_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	metrics, err := obs.NewMetrics(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	metrics.Temporal().WithTags(map[string]string{"task_queue": "control"}).Counter("temporal_request").Inc(3)
	health := &obs.Health{}
	server, err := obs.Serve(t.Context(), "127.0.0.1:0", metrics, health, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, server, "/healthz", http.StatusOK, "")
	expect(t, server, "/readyz", http.StatusServiceUnavailable, "unknown")
	health.Add("temporal", func(context.Context) error { return nil })
	expect(t, server, "/readyz", http.StatusOK, "temporal: ok")
	health.Add("store", func(context.Context) error { return failure.New(failure.Forbidden, "bucket b is closed") })
	expect(t, server, "/readyz", http.StatusServiceUnavailable, "store: Forbidden: bucket b is closed")
	expect(t, server, "/metrics", http.StatusOK, `temporal_request_total{task_queue="control"} 3`)
	expect(t, server, "/metrics", http.StatusOK, "holdfast_build_info")
	if _, err := obs.Serve(t.Context(), server.Address, metrics, health, zap.NewNop()); !failure.Is(err, failure.Unavailable) || failure.HintOf(err) == "" {
		t.Errorf("second server on one address: %v", err)
	}
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := metrics.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func expect(t *testing.T, server *obs.Server, path string, status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || !strings.Contains(string(body), text) {
		t.Errorf("%s: %d, want %d with %q:\n%.2000s", path, response.StatusCode, status, text, body)
	}
}

func TestTemporalLogger(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.InfoLevel)
	logger := log.With(obs.TemporalLogger(zap.New(core, zap.AddCaller())), "WorkflowID", "w1")
	logger.Debug("too quiet")
	logger.Error("failed", "attempt", 2, "odd")
	lines := seen.All()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	got := lines[0].ContextMap()
	if got["WorkflowID"] != "w1" || got["attempt"] != int64(2) || got["key without value"] != "odd" {
		t.Errorf("fields: %v", got)
	}
	if !strings.HasSuffix(lines[0].Caller.File, "obs_test.go") {
		t.Errorf("caller is %s", lines[0].Caller.File)
	}
}

func TestNewLoggerNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format obs.LogFormat
		level  string
		field  string
	}{{"xml", "info", "log-format"}, {obs.LogJSON, "loud", "log-level"}} {
		_, err := obs.NewLogger(c.format, c.level)
		if !failure.Is(err, failure.InvalidInput) || !strings.HasPrefix(err.Error(), c.field) {
			t.Errorf("NewLogger(%s, %s): %v", c.format, c.level, err)
		}
	}
}
