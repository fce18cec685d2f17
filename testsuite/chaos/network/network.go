package network

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Network is every way to a server. Close it.
type Network struct {
	proxies *toxiproxy.ApiServer // only what its proxies log to; it listens nowhere
	http    map[string]bool

	mu   sync.Mutex
	ways map[string]*Way
}

// New makes a network. Servers named in speakHTTP get the proxy that can answer.
func New(speakHTTP ...string) *Network {
	n := &Network{
		proxies: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		http:    map[string]bool{}, ways: map[string]*Way{},
	}
	for _, name := range speakHTTP {
		n.http[name] = true
	}
	return n
}

// Way is the way to one server.
type Way struct {
	Address string // where clients find the server

	proxy *toxiproxy.Proxy
	http  *answers // nil: not HTTP
}

// Between makes the way to the server that listens at address and returns where
// clients find it. A server that had to take another address keeps its way.
func (n *Network) Between(server, address string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, known := n.ways[server]; known {
		return old.Address, old.move(address)
	}
	made := &Way{}
	if n.http[server] {
		var err error
		if made.http, err = startAnswers(address); err != nil {
			return "", err
		}
		address = made.http.address
	}
	made.proxy = toxiproxy.NewProxy(n.proxies, server, "127.0.0.1:0", address)
	if err := made.proxy.Start(); err != nil {
		return "", failure.Wrap(failure.Unavailable, err, "start the proxy before %s", server)
	}
	made.Address = made.proxy.Listen
	n.ways[server] = made
	return made.Address, nil
}

// Way returns the way to a server; nil where there is none.
func (n *Network) Way(server string) *Way {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ways[server]
}

// Heal ends every fault of every way.
func (n *Network) Heal() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, way := range n.ways {
		errs = append(errs, way.Heal())
	}
	return errors.Join(errs...)
}

// Close ends all proxies.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, way := range n.ways {
		way.proxy.Stop()
		if way.http != nil {
			way.http.close()
		}
	}
}

func (w *Way) move(address string) error {
	if w.http != nil {
		w.http.move(address)
		return nil
	}
	err := w.proxy.Update(&toxiproxy.Proxy{Listen: w.Address, Upstream: address, Enabled: true})
	return failure.Wrap(failure.Unavailable, err, "point a proxy at %s", address)
}

// Slow delays everything by latency and lets kilobytes per second through.
func (w *Way) Slow(latency time.Duration, kilobytes int64) error {
	for _, stream := range []string{"upstream", "downstream"} {
		err := errors.Join(
			w.toxic("latency", stream, map[string]int64{"latency": latency.Milliseconds(), "jitter": latency.Milliseconds() / 4}),
			w.toxic("bandwidth", stream, map[string]int64{"rate": kilobytes}))
		if err != nil {
			return err
		}
	}
	return nil
}

// Stall lets nothing through and closes nothing, as a network that lost its route.
// What was sent meanwhile is lost: Heal breaks these connections.
func (w *Way) Stall() error {
	return errors.Join(w.toxic("timeout", "upstream", map[string]int64{"timeout": 0}),
		w.toxic("timeout", "downstream", map[string]int64{"timeout": 0}))
}

// Reset resets connections with an RST once something is sent on them; those that
// are open are closed at once.
func (w *Way) Reset() error {
	if err := w.toxic("reset_peer", "downstream", map[string]int64{"timeout": 0}); err != nil {
		return err
	}
	return w.Drop()
}

// Break ends connections after that many bytes of a server's answers or, upstream,
// of what clients send.
func (w *Way) Break(upstream bool, bytes int64) error {
	stream := "downstream"
	if upstream {
		stream = "upstream"
	}
	if err := w.toxic("limit_data", stream, map[string]int64{"bytes": bytes}); err != nil {
		return err
	}
	return w.Drop()
}

// Drop closes every open connection; new ones are taken.
func (w *Way) Drop() error {
	w.proxy.Stop()
	return failure.Wrap(failure.Unavailable, w.proxy.Start(), "start proxy %s again", w.proxy.Name)
}

// Refuse closes every connection and takes no new one.
func (w *Way) Refuse() { w.proxy.Stop() }

// Heal ends every fault of this way.
func (w *Way) Heal() error {
	w.proxy.Toxics.ResetToxics(context.Background())
	if w.http != nil {
		w.http.answer(0, 0)
	}
	err := w.proxy.Start()
	if errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return nil
	}
	return failure.Wrap(failure.Unavailable, err, "start proxy %s again", w.proxy.Name)
}

// toxic adds one of Toxiproxy's faults; one that is there already stays as it is.
func (w *Way) toxic(kind, stream string, attributes map[string]int64) error {
	text, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		return failure.Wrap(failure.Internal, err, "describe a fault")
	}
	_, err = w.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	if errors.Is(err, toxiproxy.ErrToxicAlreadyExists) {
		return nil
	}
	return failure.Wrap(failure.Internal, err, "add %s to proxy %s", kind, w.proxy.Name)
}

// listen takes a free loopback port.
func listen() (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	return listener, failure.Wrap(failure.Unavailable, err, "listen for clients")
}
