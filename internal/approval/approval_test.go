package approval_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func message() approval.Message {
	return approval.Message{
		Kind: approval.Approve, Person: "jane", Reason: "checked <the target> & the loss", WorkflowID: "recover/db", FirstRunID: "run-1",
		Incident: "INC-1", Nonce: "n", Target: "db1", PlanHash: "p", ChoiceHash: "c", TimelineHead: "h",
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), Sequence: 1,
	}
}

func newKey(t testing.TB) (ed25519.PrivateKey, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return private, signer
}

func keysOf(signer ssh.Signer) func(string) []string {
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	return func(person string) []string {
		if person != "jane" {
			return nil
		}
		return []string{line}
	}
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	_, signer := newKey(t)
	_, other := newKey(t)
	signed, err := approval.Sign(message(), signer)
	require.NoError(t, err)
	m, err := approval.Verify(signed, keysOf(signer), now)
	require.NoError(t, err)
	require.Equal(t, message(), m)

	_, err = approval.Verify(signed, keysOf(other), now)
	require.Equal(t, failure.Forbidden, failure.ClassOf(err))
	_, err = approval.Verify(signed, keysOf(signer), now.Add(time.Hour))
	require.Equal(t, failure.Refused, failure.ClassOf(err), "expired")
	_, err = approval.Verify(signed, keysOf(signer), now.Add(-time.Hour))
	require.Equal(t, failure.Refused, failure.ClassOf(err), "from the future")
}

// TestEveryByteIsSigned changes each byte of the payload in turn.
func TestEveryByteIsSigned(t *testing.T) {
	t.Parallel()
	_, signer := newKey(t)
	signed, err := approval.Sign(message(), signer)
	require.NoError(t, err)
	for i := range signed.Payload {
		altered := signed
		raw := []byte(signed.Payload)
		raw[i] ^= 1
		altered.Payload = string(raw)
		_, err := approval.Verify(altered, keysOf(signer), now)
		require.Error(t, err, "byte %d", i)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(m *approval.Message){
		"kind":           func(m *approval.Message) { m.Kind = "obey" },
		"person":         func(m *approval.Message) { m.Person = "" },
		"workflow_id":    func(m *approval.Message) { m.WorkflowID = "" },
		"first_run_id":   func(m *approval.Message) { m.FirstRunID = "" },
		"nonce":          func(m *approval.Message) { m.Nonce = "" },
		"choice_hash":    func(m *approval.Message) { m.ChoiceHash = "" },
		"timeline_head":  func(m *approval.Message) { m.TimelineHead = "" },
		"expires_at":     func(m *approval.Message) { m.ExpiresAt = m.IssuedAt.Add(25 * time.Hour) },
		"sequence":       func(m *approval.Message) { m.Sequence = 0 },
		"verdict":        func(m *approval.Message) { m.Kind, m.Verdict = approval.Resolve, "maybe" },
		"extend_seconds": func(m *approval.Message) { m.Kind = approval.Extend },
		"reason":         func(m *approval.Message) { m.Reason = strings.Repeat("x", 4096) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message()
			edit(&m)
			var classed *failure.Error
			require.ErrorAs(t, m.Validate(), &classed)
			require.Equal(t, name, classed.Field)
			require.Equal(t, failure.InvalidInput, classed.Class)
		})
	}
}

// TestOpenSSH proves that ssh-keygen signs and verifies the same.
func TestOpenSSH(t *testing.T) {
	t.Parallel()
	keygen, err := exec.LookPath("ssh-keygen")
	require.NoError(t, err, "ssh-keygen is missing: make tools, or install openssh-client")
	private, signer := newKey(t)
	dir := t.TempDir()
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	write(t, dir, "key", string(pem.EncodeToMemory(block)))
	write(t, dir, "allowed", "jane "+string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	payload, err := approval.Encode(message())
	require.NoError(t, err)
	text := write(t, dir, "message.json", payload)

	output, err := exec.CommandContext(t.Context(), keygen, "-Y", "sign", "-f", filepath.Join(dir, "key"), "-n", approval.Namespace, text).CombinedOutput()
	require.NoError(t, err, string(output))
	signature, err := os.ReadFile(text + ".sig")
	require.NoError(t, err)
	_, err = approval.Verify(approval.Signed{Payload: payload, Signature: string(signature)}, keysOf(signer), now)
	require.NoError(t, err)

	signed, err := approval.Sign(message(), signer)
	require.NoError(t, err)
	sig := write(t, dir, "ours.sig", signed.Signature)
	verify := exec.CommandContext(t.Context(), keygen, "-Y", "verify", "-f", filepath.Join(dir, "allowed"), "-I", "jane", "-n", approval.Namespace, "-s", sig)
	verify.Stdin = strings.NewReader(signed.Payload)
	output, err = verify.CombinedOutput()
	require.NoError(t, err, string(output))
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// FuzzDecode: whatever decodes encodes to the same bytes; nothing panics.
func FuzzDecode(f *testing.F) {
	text, err := approval.Encode(message())
	require.NoError(f, err)
	f.Add(text)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, payload string) {
		m, err := approval.Decode(payload)
		if err != nil {
			return
		}
		again, err := approval.Encode(m)
		require.NoError(t, err)
		require.Equal(t, payload, again)
	})
}
