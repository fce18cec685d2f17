package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/store/transport"
)

// line answers, with a body or without, or fails with an error.
type line struct {
	broken error
	body   io.ReadCloser
}

func (l *line) RoundTrip(*http.Request) (*http.Response, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	if l.body != nil {
		return &http.Response{StatusCode: http.StatusOK, Body: l.body}, nil
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

// crawl reads body a MiB after each pause.
func crawl(body io.Reader, pause time.Duration) {
	piece := make([]byte, 1<<20)
	for {
		<-time.After(pause)
		if _, err := io.ReadFull(body, piece); err != nil {
			return
		}
	}
}

// sender takes a request's body as slowly as it may, and is reset in the end.
type sender struct{ pause time.Duration }

func (s sender) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := request.GetBody() // as after a connection that was closed before its first byte
	if err != nil {
		return nil, err
	}
	for _, part := range []io.ReadCloser{body, request.Body} {
		crawl(part, s.pause)
		if err := part.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errReset
}

var errReset = errors.New("connection reset by peer")

func upload(t *testing.T, size int) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://store.invalid/", bytes.NewReader(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// lose has a request without a body end without an answer.
func lose(t *testing.T, patience *transport.Patience) {
	t.Helper()
	if response, err := patience.Watch(&line{broken: errReset}).RoundTrip(upload(t, 0)); err == nil {
		t.Fatal("it was answered", response.Body.Close())
	}
}

// TestPatienceLastsWhileBytesAreSent: during long uploads nothing may be answered for long;
// connections that are lost meanwhile make no store dead. What buffers hold was taken by nobody.
func TestPatienceLastsWhileBytesAreSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mebibytes int
		pause     time.Duration
		over      bool
	}{
		"more than buffers hold": {mebibytes: 30, pause: 500 * time.Millisecond},
		"no more":                {mebibytes: 4, pause: 2 * time.Second, over: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var patience transport.Patience
				lose(t, &patience)
				response, err := patience.Watch(sender{tt.pause}).RoundTrip(upload(t, tt.mebibytes<<20))
				if err == nil {
					t.Fatal("it was answered", response.Body.Close())
				}
				if got := patience.Over(); got != tt.over {
					t.Errorf("over: %v, want %v", got, tt.over)
				}
				<-time.After(silence)
				lose(t, &patience)
				if !patience.Over() {
					t.Error("nothing flowed since, and it is not taken for down")
				}
			})
		})
	}
}

// TestPatienceLastsWhileBytesCome: so with a long answer.
func TestPatienceLastsWhileBytesCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var patience transport.Patience
		response, err := patience.Watch(&line{body: io.NopCloser(bytes.NewReader(make([]byte, 30<<20)))}).RoundTrip(upload(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		lose(t, &patience)
		crawl(response.Body, time.Second)
		lose(t, &patience)
		if err := response.Body.Close(); err != nil || patience.Over() {
			t.Errorf("over: %v (%v), and its bytes came all the time", patience.Over(), err)
		}
	})
}

// silence is after how long without an answer a store is taken for down.
const silence = 15 * time.Second
