package stack

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMailEndsHoweverSoon: a server that is closed before it began to serve listens no
// more.
func TestMailEndsHoweverSoon(t *testing.T) {
	t.Parallel()
	for range 50 {
		m, err := startMail(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.close())
		var dialer net.Dialer
		_, err = dialer.DialContext(t.Context(), "tcp", m.Address)
		require.Error(t, err, "somebody still listens")
	}
}
