package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Ports lie below those that the kernel gives to outgoing connections
// (net.ipv4.ip_local_port_range, from 32768 on): one of those would now and then
// take a port before the server listens that it was chosen for.
const (
	firstPort = 20_000
	portCount = 12_000
	// portsApart keeps what processes that run side by side choose apart.
	portsApart = 48
)

// portsTried counts what this process has tried, so that it tries none again soon.
var portsTried atomic.Int64 //nolint:gochecknoglobals // ports are the process's

// freePorts returns count different ports that are free on loopback now. They
// are all held until the last is chosen, so none comes twice.
func freePorts(ctx context.Context, count int) ([]int, error) {
	ports := make([]int, 0, count)
	for tries := 0; len(ports) < count; tries++ {
		port := firstPort + (int64(os.Getpid())*portsApart+portsTried.Add(1))%portCount
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if errors.Is(err, syscall.EADDRINUSE) && tries < portCount {
			continue
		}
		if err != nil {
			return nil, failure.Wrap(failure.Unavailable, err, "find a free port")
		}
		defer func() { _ = listener.Close() }() // nobody connected
		ports = append(ports, int(port))
	}
	return ports, nil
}
