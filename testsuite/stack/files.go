package stack

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// makeTree makes the run directory's folders. The directory itself can be
// passed through by everybody; what is in it belongs to the account alone.
func (s *Stack) makeTree() error {
	for _, name := range []string{"log", "home", "tmp", "secrets", "keys", "people", "bin", "temporal"} {
		if err := s.account.MkdirAll(filepath.Join(s.Dir, name)); err != nil {
			return err
		}
	}
	for _, p := range []*Postgres{s.Primary, s.Replica} {
		for _, dir := range []string{p.DataDir, p.SocketDir, p.Workspace, s.spoolDir(p.Host)} {
			if err := s.account.MkdirAll(dir); err != nil {
				return err
			}
		}
	}
	return s.account.MkdirAll(s.Pooler.Dir)
}

func (s *Stack) spoolDir(host string) string { return filepath.Join(s.Dir, host, "spool") }

// write replaces a file that belongs to the account.
func (s *Stack) write(path, text string, mode os.FileMode) error {
	return s.account.WriteFile(path, []byte(text), mode)
}

// appendFile adds to a file that exists, which keeps its owner.
func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "append to %s", path)
	}
	_, err = file.WriteString(text)
	if closing := file.Close(); err == nil {
		err = closing
	}
	return failure.Wrap(failure.Unavailable, err, "append to %s", path)
}

func (s *Stack) secretFile(name string) string { return filepath.Join(s.Dir, "secrets", name) }

func (s *Stack) secretRef(name string) plan.SecretRef {
	return plan.SecretRef("file:" + s.secretFile(name))
}

// makeSecrets generates every password and writes each to a file of its own.
func (s *Stack) makeSecrets() error {
	s.Passwords = map[string]config.Secret{}
	names := []string{"superuser", "pgbouncer-admin", replicationRole}
	for _, role := range s.database.Roles {
		names = append(names, role.Name)
	}
	for _, name := range names {
		secret := config.NewSecret(rand.Text())
		s.Passwords[name] = secret
		if err := s.write(s.secretFile(name), secret.Reveal()+"\n", 0o600); err != nil {
			return err
		}
	}
	s.Primary.Password, s.Replica.Password = s.Passwords["superuser"], s.Passwords["superuser"]
	s.Pooler.AdminPassword = s.Passwords["pgbouncer-admin"]
	return nil
}

func (s *Stack) passFile() string { return filepath.Join(s.Dir, "secrets", "pgpass") }

// writePassFile lets replication log in without a password on a command line.
func (s *Stack) writePassFile() error {
	line := "*:*:*:" + replicationRole + ":" + s.Passwords[replicationRole].Reveal() + "\n"
	return s.write(s.passFile(), line, 0o600)
}
