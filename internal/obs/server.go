package obs

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// DefaultAddress is where the endpoint listens when nothing is said.
const DefaultAddress = "127.0.0.1:9464"

// Server is a running endpoint.
type Server struct {
	Address string // host:port it listens on

	http *http.Server
	done chan struct{}
}

// Serve starts the endpoint on address (port 0 chooses a free one). Errors:
// Unavailable when the address is taken.
func Serve(ctx context.Context, address string, metrics *Metrics, health *Health, log *zap.Logger) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &failure.Error{
			Class: failure.Unavailable, Message: "listen for metrics and health", Cause: err,
			Hint: "choose another address: worker run --metrics-address 127.0.0.1:0",
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler())
	mux.Handle("GET /readyz", health)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := &Server{
		Address: listener.Addr().String(), done: make(chan struct{}),
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
			MaxHeaderBytes: 16 << 10, ErrorLog: zap.NewStdLog(log),
		},
	}
	go func() {
		defer close(server.done)
		if err := server.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics and health endpoint ended", zap.Error(err))
		}
	}()
	return server, nil
}

// Close answers what is under way and ends the endpoint.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	<-s.done
	return failure.Wrap(failure.Unavailable, err, "close the metrics and health endpoint")
}
