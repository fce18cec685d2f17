package network

import (
	"io"
	"log" //nolint:depguard // what net/http wants to be silenced with
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Request is one HTTP request on its way to a server.
type Request struct {
	Method string
	Target string // path and query, as sent
}

// answers passes HTTP requests on, or answers them in the server's place.
type answers struct {
	address string
	server  *http.Server

	mu      sync.Mutex
	to      string // the server's address
	status  int    // 0: pass on
	every   int    // of how many requests one is answered
	counted int
	watch   func(Request) // nil: nobody
}

func startAnswers(to string) (*answers, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	a := &answers{address: listener.Addr().String(), to: to}
	silent := log.New(io.Discard, "", 0)
	onward := &httputil.ReverseProxy{
		// Host stays as the client wrote it: S3's signatures cover it.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", a.upstream(), r.In.Host
		},
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32, ExpectContinueTimeout: time.Second},
		FlushInterval: -1,
		ErrorLog:      silent,
		// A server that is gone closes connections; it does not say 502.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	a.server = &http.Server{
		ReadHeaderTimeout: time.Minute, ErrorLog: silent,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status := a.judge(Request{Method: r.Method, Target: r.URL.RequestURI()}); status != 0 {
				http.Error(w, "a fault of this test", status)
				return
			}
			onward.ServeHTTP(w, r)
		}),
	}
	go func() { _ = a.server.Serve(listener) }() // ends with close
	return a, nil
}

// judge decides whether a request is answered here, and with what.
func (a *answers) judge(request Request) int {
	a.mu.Lock()
	watch := a.watch
	status := a.status
	if status != 0 {
		a.counted++
		if a.counted%a.every != 0 {
			status = 0
		}
	}
	a.mu.Unlock()
	if watch != nil {
		watch(request)
	}
	return status
}

func (a *answers) upstream() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to
}

func (a *answers) move(to string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = to
}

func (a *answers) answer(status, every int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.every, a.counted = status, every, 0
}

func (a *answers) close() { _ = a.server.Close() } // nothing is under way that matters

// Answer has one of every so many requests answered with status, and nothing else.
func (w *Way) Answer(status, every int) error {
	if w.http == nil || every < 1 {
		return failure.New(failure.Internal, "way %s cannot answer one of %d requests", w.name, every)
	}
	w.http.answer(status, every)
	return nil
}

// Watch tells of each request before it is passed on, which waits meanwhile; nil:
// nobody is told.
func (w *Way) Watch(told func(Request)) error {
	if w.http == nil {
		return failure.New(failure.Internal, "way %s does not speak HTTP", w.name)
	}
	w.http.mu.Lock()
	defer w.http.mu.Unlock()
	w.http.watch = told
	return nil
}
