package main

import (
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// signing are the flags by which a person signs a message.
type signing struct {
	wanted     bool
	person     string
	keyFile    string
	passphrase string
	validity   time.Duration
	reason     string
}

func (s *signing) bind(flags *pflag.FlagSet) {
	flags.StringVar(&s.person, "as", os.Getenv("HOLDFAST_PERSON"), "who signs: a person's ID in the plan (default $HOLDFAST_PERSON)")
	flags.StringVar(&s.keyFile, "key", os.Getenv("HOLDFAST_KEY"), "SSH private key to sign with (default $HOLDFAST_KEY, else the SSH agent)")
	flags.StringVar(&s.passphrase, "key-passphrase", "", "passphrase of the key, as env:NAME or file:/path")
	flags.DurationVar(&s.validity, "valid-for", time.Hour, "how long the signature is valid, at most 24h")
	flags.StringVar(&s.reason, "reason", "", "why, for the timeline and the report")
}

// sign completes m with who, when and why, and signs it.
func (s *signing) sign(m approval.Message) (approval.Signed, error) {
	if s.person == "" {
		return approval.Signed{}, missingFlag("as", "name yourself as the plan does: --as PERSON, or set HOLDFAST_PERSON")
	}
	signer, closeSigner, err := s.signer()
	if err != nil {
		return approval.Signed{}, err
	}
	defer closeSigner()
	m.Person, m.Reason = s.person, s.reason
	m.IssuedAt = time.Now().UTC()
	m.ExpiresAt = m.IssuedAt.Add(s.validity)
	return approval.Sign(m, signer)
}

// signer returns the key named by --key, or the first one of the SSH agent.
func (s *signing) signer() (ssh.Signer, func(), error) {
	if s.keyFile == "" {
		return agentSigner()
	}
	file, err := filepath.Abs(s.keyFile)
	if err != nil {
		return nil, nil, failure.Invalid("--key", "%s", err)
	}
	text, err := config.Resolve("file:" + file)
	if err != nil {
		return nil, nil, failure.New(failure.ClassOf(err), "read your SSH key: %s", err).WithHint("--key ~/.ssh/id_ed25519, or an agent: ssh-add, and no --key")
	}
	passphrase, err := config.Resolve(s.passphrase)
	if err != nil {
		return nil, nil, err
	}
	var signer ssh.Signer
	if passphrase.IsZero() {
		signer, err = ssh.ParsePrivateKey([]byte(text.Reveal() + "\n"))
	} else {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(text.Reveal()+"\n"), []byte(passphrase.Reveal()))
	}
	if err != nil {
		return nil, nil, failure.New(failure.InvalidInput, "read SSH key %s: %s", s.keyFile, err).
			WithHint("a protected key needs --key-passphrase env:NAME or an SSH agent")
	}
	return signer, func() {}, nil
}

func agentSigner() (ssh.Signer, func(), error) {
	none := missingFlag("key", "name an SSH key: --key ~/.ssh/id_ed25519, or start an agent: ssh-add")
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, none
	}
	connection, err := net.Dial("unix", socket) //nolint:noctx // a local socket answers or refuses at once
	if err != nil {
		return nil, nil, failure.Wrap(failure.Unavailable, err, "reach the SSH agent")
	}
	closeAgent := func() { _ = connection.Close() } // nothing is buffered
	signers, err := agent.NewClient(connection).Signers()
	if err != nil || len(signers) == 0 {
		closeAgent()
		return nil, nil, none
	}
	return signers[0], closeAgent, nil
}
