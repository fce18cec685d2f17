package walship

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// A database on another machine that does not say how it is protected must prove its
// name to every connection of the daemon: one that offers no encryption hears nothing
// of role or password.
func TestNoConnectionFallsBackToPlaintext(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(ctx context.Context, conn string) error{
		"slot": func(ctx context.Context, conn string) error {
			_, err := (&tail{conn: conn}).ensureSlot(ctx)
			return err
		},
		"replication": func(ctx context.Context, conn string) error {
			_, err := openReplication(ctx, conn)
			return err
		},
		"heartbeat": func(ctx context.Context, conn string) error {
			return (&heart{conn: conn, settings: settings.Settings{}}).dial(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var listening net.ListenConfig
			listener, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			heard := make(chan uint32)
			go refuseEncryption(listener, heard)
			_, port, err := net.SplitHostPort(listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			// hostaddr makes it another machine's; pgx dials host.
			conn := fmt.Sprintf("host=127.0.0.1 hostaddr=192.0.2.1 port=%s user=replicator password=secret dbname=postgres", port)
			if err := connect(t.Context(), conn); err == nil {
				t.Error("connected")
			}
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			asked := 0
			for code := range heard {
				if asked++; code != requestTLS {
					t.Errorf("sent message %d in the clear", code)
				}
			}
			if asked == 0 {
				t.Error("never tried")
			}
		})
	}
}

// requestTLS is the code of an SSLRequest.
const requestTLS = 80877103

// refuseEncryption answers every SSLRequest with "no", and passes on the code of every
// message that comes in the clear, until the listener closes.
func refuseEncryption(listener net.Listener, heard chan<- uint32) {
	defer close(heard)
	var codes []uint32
	for {
		conn, err := listener.Accept()
		if err != nil {
			break
		}
		for {
			var head [8]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				break
			}
			code := binary.BigEndian.Uint32(head[4:])
			codes = append(codes, code)
			if _, err := conn.Write([]byte("N")); err != nil || code != requestTLS {
				break
			}
		}
		_ = conn.Close() // the client is gone or is to go
	}
	for _, code := range codes {
		heard <- code
	}
}
