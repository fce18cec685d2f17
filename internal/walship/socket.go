package walship

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

const (
	// maxCallers bounds connections served at once: PostgreSQL makes one push and
	// one fetch at a time.
	maxCallers   = 32
	requestLimit = 5 * time.Second // for a caller to send its one frame
)

// listen opens the daemon's socket. A socket nobody listens on is what a killed
// daemon left, and is replaced; a living daemon's is failure.Exists.
func listen(ctx context.Context, path, dataDir string) (*net.UnixListener, error) {
	if err := nobodyListens(ctx, path); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, classFile(err, "remove dead socket %s", path)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "listen on %s", path)
	}
	// Who connects before the mode is set is turned away by checkPeer.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(classFile(err, "restrict %s", path), listener.Close())
	}
	return listener, giveSocket(path, dataDir)
}

// nobodyListens is failure.Exists when a living daemon answers on the socket.
func nobodyListens(ctx context.Context, path string) error {
	dialer := net.Dialer{Timeout: time.Second}
	probe, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil //nolint:nilerr // no answer is what is wanted
	}
	_ = probe.Close() // it answered: that is all
	return failure.New(failure.Exists, "a daemon already listens on %s", path).WithHint("wal --config FILE status")
}

// giveSocket lets the data directory's owner in when the daemon runs as root.
func giveSocket(path, dataDir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Clean(dataDir))
	if err != nil {
		return classFile(err, "look at %s", dataDir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		return classFile(os.Lchown(path, int(owner.Uid), int(owner.Gid)), "give %s to the server's user", path)
	}
	return nil
}

// answer serves the socket until ctx ends.
func (d *daemon) answer(ctx context.Context, listener *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() }) // ends Accept
	defer stop()
	var callers sync.WaitGroup
	defer callers.Wait()
	places := make(chan struct{}, maxCallers)
	for {
		connection, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return failure.Wrap(failure.Unavailable, err, "accept a caller")
		}
		places <- struct{}{}
		callers.Go(func() {
			defer func() { <-places }()
			d.converse(ctx, connection)
		})
	}
}

func (d *daemon) converse(ctx context.Context, connection *net.UnixConn) {
	defer func() { _ = connection.Close() }() // the answer is sent, or nobody waits for it
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	reply := d.hear(ctx, connection)
	if ctx.Err() != nil && reply.Class != "" {
		return // what the daemon's own end cut short is no answer to anything
	}
	if err := connection.SetWriteDeadline(time.Now().Add(requestLimit)); err != nil {
		return
	}
	// A caller that went away asks again: every verb is idempotent.
	_ = wire.Write(connection, reply)
}

func (d *daemon) hear(ctx context.Context, connection *net.UnixConn) wire.Answer {
	if err := checkPeer(connection, d.settings.DataDir); err != nil {
		return wire.AnswerTo(err)
	}
	var request wire.Request
	err := connection.SetReadDeadline(time.Now().Add(requestLimit))
	if err == nil {
		err = wire.Read(connection, &request)
	}
	if err == nil {
		err = request.Validate()
	}
	if err != nil {
		return wire.AnswerTo(err)
	}
	switch request.Verb {
	case wire.Push:
		return wire.AnswerTo(d.push(ctx, request.Path))
	case wire.Fetch:
		return wire.AnswerTo(d.fetch(ctx, request.Name, request.Path))
	case wire.Serve:
	case wire.Status:
		text, err := json.Marshal(d.Status())
		reply := wire.AnswerTo(failure.Wrap(failure.Internal, err, "encode status"))
		reply.Status = text
		return reply
	}
	return wire.AnswerTo(failure.Invalid("verb", "%.40q is not known", request.Verb))
}
