package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// silence after which a store is taken for one that is down: about as long as a
	// provider's client tries one request.
	silence = 15 * time.Second
	// memory is how long a store counts as down that nobody asks.
	memory = time.Minute
	// unsent is how much of a request's body may have been read, and have reached nobody:
	// bufferBytes and a socket's, by default at most 4 MiB (tcp(7), tcp_wmem).
	unsent = 4<<20 + bufferBytes
)

// Patience is that of all clients of one store together. A request that gets no answer
// is worth repeating; where none has got one for some time, each further one is tried
// once, until one is answered. A store that is down is waited for once, not with every
// request of a recovery. An answer is any, an error's too; and a store that takes or gives
// the bytes of a transfer lives, however long it answers nothing. The zero value is ready.
type Patience struct {
	mu            sync.Mutex
	first, newest time.Time // requests without an answer since the last one with
}

// Watch returns next, whose requests p learns from.
func (p *Patience) Watch(next http.RoundTripper) http.RoundTripper { return &watched{next, p} }

// Over reports whether a request that got no answer should not be repeated.
func (p *Patience) Over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.first.IsZero() && p.newest.Sub(p.first) >= silence && time.Since(p.newest) < memory
}

// learn notes how a request ended. One that its caller gave up says nothing.
func (p *Patience) learn(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		p.first = time.Time{}
	case errors.Is(err, context.Canceled):
	case p.first.IsZero() || now.Sub(p.newest) >= memory:
		p.first, p.newest = now, now
	default:
		p.newest = now
	}
}

type watched struct {
	next     http.RoundTripper
	patience *Patience
}

// RoundTrip implements http.RoundTripper.
func (w *watched) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(w.watchBody(request))
	w.patience.learn(err)
	if err == nil && response.Body != nil && response.Body != http.NoBody {
		response.Body = &flow{response.Body, w.patience, 0}
	}
	return response, err
}

// watchBody returns request with a body that tells when it flows, also when the transport
// begins it anew on another connection.
func (w *watched) watchBody(request *http.Request) *http.Request {
	if request.Body == nil || request.Body == http.NoBody {
		return request
	}
	seen := *request // a RoundTripper changes no request that it was given
	seen.Body = &flow{request.Body, w.patience, unsent}
	if again := request.GetBody; again != nil {
		seen.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil || body == http.NoBody {
				return body, err
			}
			return &flow{body, w.patience, unsent}, nil
		}
	}
	return &seen
}

// flow is a body whose bytes are signs of life, but for the first ones.
type flow struct {
	io.ReadCloser

	patience *Patience
	mute     int // bytes that say nothing yet
}

// Read implements io.Reader.
func (f *flow) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.mute -= min(n, f.mute)
	if n > 0 && f.mute == 0 {
		f.patience.learn(nil)
	}
	return n, err
}

// CloseIdleConnections is what http.Client looks for.
func (w *watched) CloseIdleConnections() {
	if closer, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
