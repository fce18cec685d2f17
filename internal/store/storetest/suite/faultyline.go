package suite

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Fault is what a faulty line does to a request.
type Fault int

// The faults.
const (
	NoFault     Fault = iota
	LoseAnswer        // the server acts, and its answer is lost
	RefuseOnce        // the server is not asked; the answer is 503
	FlipRequest       // a bit of the request's body is flipped on the way there
	CutAnswer         // the answer's body ends in the middle
)

// FaultyLine returns the URL of a proxy in front of the server at target, which
// does to each request what decide says.
func FaultyLine(t *testing.T, target string, decide func(*http.Request) Fault) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch decide(r) {
		case NoFault:
		case LoseAnswer:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // closes the connection without an answer
		case RefuseOnce:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case FlipRequest:
			r.Body = &flipped{ReadCloser: r.Body}
		case CutAnswer:
			w = &cut{ResponseWriter: w}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Once returns a decision that gives fault to the first request match accepts,
// and says afterwards whether there was one.
func Once(fault Fault, match func(*http.Request) bool) (decide func(*http.Request) Fault, happened func() bool) {
	var done atomic.Bool
	return func(r *http.Request) Fault {
		if match(r) && done.CompareAndSwap(false, true) {
			return fault
		}
		return NoFault
	}, done.Load
}

type flipped struct {
	io.ReadCloser

	offset int
}

// flipAt is inside the first object bytes of a request that carries little else.
const flipAt = 3000

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if at := flipAt - f.offset; at >= 0 && at < n {
		p[at] ^= 1
	}
	f.offset += n
	return n, err
}

type cut struct{ http.ResponseWriter }

func (c *cut) Write(p []byte) (int, error) {
	if _, err := c.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	// Without the flush nothing has left yet, and the client would just ask again.
	if err := http.NewResponseController(c.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	panic(http.ErrAbortHandler)
}
