package stack

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Keys are what was generated for this stack. The private halves are files that
// only the stack's account can read.
type Keys struct {
	Public  map[string]string // recipient → public OpenPGP key file
	Private map[string]string // recipient → private OpenPGP key file
	Signer  map[string]string // host → private OpenPGP key file that signs its backups
	People  map[string]string // person → SSH private key file that signs their messages
}

// makeKeys generates keys for every recipient, host and person of the plan and
// puts the public halves into it.
func (s *Stack) makeKeys() error {
	s.Keys = Keys{Public: map[string]string{}, Private: map[string]string{}, Signer: map[string]string{}, People: map[string]string{}}
	for i := range s.Plan.Encryption.Recipients {
		if err := s.makeRecipient(&s.Plan.Encryption.Recipients[i]); err != nil {
			return err
		}
	}
	for i := range s.Plan.Sites {
		for j := range s.Plan.Sites[i].Hosts {
			if err := s.makeHostKeys(&s.Plan.Sites[i].Hosts[j]); err != nil {
				return err
			}
		}
	}
	for i := range s.Plan.Team.People {
		person := &s.Plan.Team.People[i]
		path := filepath.Join(s.Dir, "people", person.ID)
		line, err := s.sshKey(path, person.ID)
		if err != nil {
			return err
		}
		person.Keys, s.Keys.People[person.ID] = []string{line}, path
	}
	return nil
}

func (s *Stack) makeRecipient(r *plan.Recipient) error {
	private, public, err := s.openPGP(filepath.Join("keys", r.Name), r.Name, r.Email)
	if err != nil {
		return err
	}
	r.PublicKeyFile = public
	s.Keys.Private[r.Name], s.Keys.Public[r.Name] = private, public
	return nil
}

func (s *Stack) makeHostKeys(h *plan.Host) error {
	private, public, err := s.openPGP(filepath.Join("keys", "signer-"+h.Name), "signer of "+h.Name, "")
	if err != nil {
		return err
	}
	line, err := publicLine(public)
	if err != nil {
		return err
	}
	s.Keys.Signer[h.Name] = private
	today := time.Now().UTC()
	h.Address = "127.0.0.1"
	h.SigningKeys = []plan.SigningKey{{
		Key:        line,
		ValidFrom:  plan.Date(today.AddDate(0, 0, -1).Format(time.DateOnly)),
		ValidUntil: plan.Date(today.AddDate(0, 0, 2).Format(time.DateOnly)),
	}}
	return nil
}

// openPGP generates a key and writes both halves beside one another.
func (s *Stack) openPGP(name, user, email string) (private, public string, err error) {
	key, err := keyring.Generate(user, email)
	if err != nil {
		return "", "", err
	}
	private, public = filepath.Join(s.Dir, name+".private.asc"), filepath.Join(s.Dir, name+".asc")
	text, err := key.Armored()
	if err != nil {
		return "", "", err
	}
	if err := s.write(private, text, 0o600); err != nil {
		return "", "", err
	}
	if text, err = key.Public().Armored(); err != nil {
		return "", "", err
	}
	return private, public, s.write(public, text, 0o644)
}

// publicLine returns an OpenPGP public key file as the plan holds it.
func publicLine(path string) (string, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- the stack wrote it
	if err != nil {
		return "", failure.Wrap(failure.NotFound, err, "read a signing key")
	}
	keys, err := keyring.ParsePublicKeys(text)
	if err != nil {
		return "", err
	}
	return keys[0].Line()
}

// sshKey generates an Ed25519 key, writes it as OpenSSH does, and returns the
// public half as a line of authorized_keys.
func (s *Stack) sshKey(path, comment string) (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "generate an SSH key")
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "encode an SSH key")
	}
	if err := s.write(path, string(pem.EncodeToMemory(block)), 0o600); err != nil {
		return "", err
	}
	wire, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "encode an SSH public key")
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(wire))) + " " + comment
	return line, s.write(path+".pub", line+"\n", 0o644)
}
