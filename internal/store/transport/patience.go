package transport

import (
	"context"
	"errors"
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
)

// Patience is that of all clients of one store together. A request that gets no answer
// is worth repeating; where none has got one for some time, each further one is tried
// once, until one is answered. A store that is down is waited for once, not with every
// request of a recovery. An answer is any, an error's too. The zero value is ready.
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
	response, err := w.next.RoundTrip(request)
	w.patience.learn(err)
	return response, err
}

// CloseIdleConnections is what http.Client looks for.
func (w *watched) CloseIdleConnections() {
	if closer, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
