package transport_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/store/transport"
)

// line answers, or fails with an error.
type line struct{ broken error }

func (l *line) RoundTrip(*http.Request) (*http.Response, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
}

// TestPatienceEndsWithSilenceAndBeginsWithAnAnswer: a store that is down is waited for
// once. Neither a short fault, nor one long ago, nor what callers give up ends it.
func TestPatienceEndsWithSilenceAndBeginsWithAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var patience transport.Patience
		line := &line{}
		watched := patience.Watch(line)
		ask := func(after time.Duration, broken error, over bool) {
			t.Helper()
			<-time.After(after)
			line.broken = broken
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://store.invalid/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := watched.RoundTrip(request); err == nil {
				_ = response.Body.Close() // nothing is in it
			}
			if got := patience.Over(); got != over {
				t.Errorf("over: %v, want %v", got, over)
			}
		}
		refused := errors.New("connection refused")
		ask(0, nil, false)
		ask(0, refused, false)
		ask(14*time.Second, refused, false)
		ask(time.Second, context.Canceled, false)
		ask(0, refused, true)
		ask(50*time.Second, refused, true)
		ask(0, context.Canceled, true)
		ask(time.Second, nil, false) // an answer, though not the wanted one
		ask(time.Second, refused, false)
		ask(2*time.Minute, refused, false) // what was between, nobody knows
		ask(20*time.Second, refused, true)
		<-time.After(2 * time.Minute)
		if patience.Over() {
			t.Error("it is still taken for down, and nobody has asked it")
		}
	})
}
