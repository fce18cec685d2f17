package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"syscall"
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
	zerolog.SetGlobalLevel(zerolog.Disabled) // some of Toxiproxy logs past the logger it is given
	n := &Network{
		proxies: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		http:    map[string]bool{}, ways: map[string]*Way{},
	}
	for _, name := range speakHTTP {
		n.http[name] = true
	}
	return n
}

// Way is the way to one server. Whatever is done to it closes the connections that
// are open, and what Toxiproxy does is set before it takes new ones: of connections
// under way it does not always let go.
type Way struct {
	Address string // where clients find the server

	name    string
	proxies *toxiproxy.ApiServer
	http    *answers // nil: not HTTP

	mu       sync.Mutex
	upstream string
	proxy    *toxiproxy.Proxy
	broken   bool
}

// Between makes the way to the server that listens at address and returns where
// clients find it. A server that had to take another address keeps its way.
func (n *Network) Between(server, address string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, known := n.ways[server]; known {
		return old.Address, old.move(address)
	}
	made := &Way{Address: "127.0.0.1:0", name: server, proxies: n.proxies, upstream: address}
	if n.http[server] {
		var err error
		if made.http, err = startAnswers(address); err != nil {
			return "", err
		}
		made.upstream = made.http.address
	}
	if err := made.remake(); err != nil {
		return "", err
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upstream = address
	return w.remake()
}

// toxic is one of Toxiproxy's faults, of one direction.
type toxic struct {
	Type       string           `json:"type"`
	Stream     string           `json:"stream"`
	Attributes map[string]int64 `json:"attributes"`
}

// remake closes the proxy with its connections and puts another one in its place.
func (w *Way) remake(faults ...toxic) error {
	if w.proxy != nil {
		w.proxy.Stop()
	}
	w.proxy = toxiproxy.NewProxy(w.proxies, w.name, w.Address, w.upstream)
	for _, one := range faults {
		text, err := json.Marshal(one)
		if err == nil {
			_, err = w.proxy.Toxics.AddToxicJson(bytes.NewReader(text))
		}
		if err != nil {
			return failure.Wrap(failure.Internal, err, "add %s to the proxy before %s", one.Type, w.name)
		}
	}
	return failure.Wrap(failure.Unavailable, w.listenAgain(), "start the proxy before %s", w.name)
}

// portWait is how long another program may use the port while the proxy is remade.
const portWait = 10 * time.Second

func (w *Way) listenAgain() error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(portWait); ; <-again.C {
		err := w.proxy.Start()
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return err
		}
	}
}

func (w *Way) fault(faults ...toxic) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	return w.remake(faults...)
}

// Slow delays everything by latency and lets kilobytes per second through.
func (w *Way) Slow(latency time.Duration, kilobytes int64) error {
	late := map[string]int64{"latency": latency.Milliseconds(), "jitter": latency.Milliseconds() / 4}
	narrow := map[string]int64{"rate": kilobytes}
	return w.fault(toxic{"latency", up, late}, toxic{"latency", down, late}, toxic{"bandwidth", up, narrow}, toxic{"bandwidth", down, narrow})
}

// What clients send, and what they are answered.
const (
	up   = "upstream"
	down = "downstream"
)

// Stall lets nothing through and closes nothing, as a network that lost its route.
func (w *Way) Stall() error {
	never := map[string]int64{"timeout": 0}
	return w.fault(toxic{"timeout", up, never}, toxic{"timeout", down, never})
}

// Reset resets connections with an RST once they are answered.
func (w *Way) Reset() error {
	return w.fault(toxic{"reset_peer", down, map[string]int64{"timeout": 0}})
}

// Break ends connections after that many bytes of a server's answers or, where
// requests is set, of what clients send.
func (w *Way) Break(requests bool, bytes int64) error {
	stream := down
	if requests {
		stream = up
	}
	return w.fault(toxic{"limit_data", stream, map[string]int64{"bytes": bytes}})
}

// Refuse closes every connection and takes no new one.
func (w *Way) Refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	w.proxy.Stop()
}

// Heal ends every fault of this way.
func (w *Way) Heal() error {
	if w.http != nil {
		w.http.answer(0, 0)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.broken {
		return nil
	}
	w.broken = false
	return w.remake()
}

// listen takes a free loopback port.
func listen() (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	return listener, failure.Wrap(failure.Unavailable, err, "listen for clients")
}
