package obs

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// readyTimeout bounds one look at everything, so that a supervisor's probe gets
// its answer even when a dependency hangs.
const readyTimeout = 3 * time.Second

// Check says whether something this process needs is there, by looking.
type Check func(ctx context.Context) error

// Health collects the checks of a process. The zero value is ready for use, and
// not ready to serve: a process without checks has proved nothing.
type Health struct {
	mu     sync.Mutex
	checks map[string]Check
}

// Add registers a check; a name used before is replaced.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = map[string]Check{}
	}
	h.checks[name] = check
}

// Look runs every check at the same time and returns each one's error, nil for
// those that passed.
func (h *Health) Look(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	h.mu.Lock()
	checks := maps.Clone(h.checks)
	h.mu.Unlock()
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		results = make(map[string]error, len(checks))
	)
	for name, check := range checks {
		running.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			results[name] = err
		})
	}
	running.Wait()
	return results
}

// ServeHTTP answers /readyz: one line a check, sorted.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	results := h.Look(r.Context())
	status := http.StatusOK
	var body strings.Builder
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if err := results[name]; err != nil {
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&body, "%s: %s: %s\n", name, failure.ClassOf(err), err)
			continue
		}
		fmt.Fprintf(&body, "%s: ok\n", name)
	}
	if len(results) == 0 {
		status = http.StatusServiceUnavailable
		body.WriteString("unknown: no check has been registered\n")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body.String())) // a prober that went away needs no answer
}
