package approval_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// FuzzVerify: only the text that was signed is accepted, whatever signature comes with
// another, and only while it is valid. What is refused has a class.
func FuzzVerify(f *testing.F) {
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))) // one key, so that the corpus stays good
	require.NoError(f, err)
	signed, err := approval.Sign(message(), signer)
	require.NoError(f, err)
	declared := message()
	declared.Kind, declared.FirstRunID, declared.Nonce, declared.TimelineHead = approval.Declare, "", "", ""
	declaration, err := approval.Sign(declared, signer)
	require.NoError(f, err)
	f.Add(signed.Payload, signed.Signature, int64(0))
	f.Add(signed.Payload, signed.Signature, int64(3600))
	f.Add(declaration.Payload, declaration.Signature, int64(1))
	f.Add(signed.Payload, declaration.Signature, int64(0))
	f.Add(strings.Replace(signed.Payload, "db1", "db2", 1), signed.Signature, int64(0))
	f.Add(signed.Payload, "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n", int64(0))
	f.Fuzz(func(t *testing.T, payload, signature string, seconds int64) {
		s := approval.Signed{Payload: payload, Signature: signature}
		_ = s.KeyFingerprint() // must not panic
		at := now.Add(time.Duration(seconds%(1<<30)) * time.Second)
		m, err := approval.Verify(s, keysOf(signer), at)
		if err != nil {
			switch failure.ClassOf(err) {
			case failure.InvalidInput, failure.Forbidden, failure.Refused:
				return
			default:
				t.Fatalf("refused as %s: %v", failure.ClassOf(err), err)
			}
		}
		require.Contains(t, []string{signed.Payload, declaration.Payload}, payload, "nobody signed this")
		require.True(t, at.Before(m.ExpiresAt) && !m.IssuedAt.After(at.Add(approval.MaxSkew)), "not valid at %s", at)
	})
}
