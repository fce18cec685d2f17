package stack

import (
	"context"
	"net"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// freePorts returns count different ports that are free on loopback now. They
// are all held until the last is chosen, so none comes twice.
func freePorts(ctx context.Context, count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, failure.Wrap(failure.Unavailable, err, "find a free port")
		}
		defer func() { _ = listener.Close() }() // nobody connected
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, failure.New(failure.Internal, "a TCP listener has address %s", listener.Addr())
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}
