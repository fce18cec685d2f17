package pg_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// encrypt gives a server a certificate of the authority.
func encrypt(t *testing.T, server *pgtest.Server, by tlstest.Authority) {
	t.Helper()
	pair := by.Server(t)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "server.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := pgtest.Owner(t).WriteFile(filepath.Join(server.DataDir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.Exec(t, "ALTER SYSTEM SET ssl = on")
	server.Restart(t)
}

// reach logs in with libpq's own client, by the string that a replica would get,
// and with pgx.
func reach(t *testing.T, server pg.Server) (pgxErr, libpqErr error) {
	t.Helper()
	passFile := filepath.Join(t.TempDir(), "pgpass")
	line := fmt.Sprintf("%s:%d:*:%s:%s\n", server.Host, server.Port, server.User, server.Password.Reveal())
	if err := os.WriteFile(passFile, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(pgtest.BinDir(t), "psql")
	pgxErr = server.Do(t.Context(), func(conn *pgx.Conn) error {
		encrypted, err := pg.One[bool](t.Context(), conn, "ask for encryption", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
		if err == nil && !encrypted {
			err = errors.New("the session is not encrypted")
		}
		return err
	})
	return pgxErr, exec.CommandContext(t.Context(), program, "-X", "-w", "-c", "SELECT 1", server.Conninfo()+" passfile="+passFile).Run()
}

// TestAuthorityIsChecked on a real server: the right one passes, a wrong one and a
// server without encryption are refused, by what holdfast itself uses and by what
// it writes for PostgreSQL's programs.
func TestAuthorityIsChecked(t *testing.T) {
	t.Parallel()
	right, wrong := tlstest.New(t), tlstest.New(t)
	encrypted, plain := pgtest.Start(t), pgtest.Start(t)
	encrypt(t, encrypted, right)
	for name, row := range map[string]struct {
		server    *pgtest.Server
		authority string
		passes    bool
	}{
		"the right authority":   {encrypted, right.File, true},
		"another authority":     {encrypted, wrong.File, false},
		"a server in the clear": {plain, right.File, false},
	} {
		t.Run(name, func(t *testing.T) {
			row.server.Exec(t, "CREATE ROLE \"r "+row.authority+"\" LOGIN PASSWORD 'pw'")
			text := fmt.Sprintf("host=127.0.0.1 port=%d dbname=postgres sslmode=verify-full sslrootcert=%s", row.server.Port, row.authority)
			server, err := pg.ParseServer(config.NewSecret(text))
			if err != nil {
				t.Fatal(err)
			}
			pgxErr, libpqErr := reach(t, server.As("r "+row.authority, config.NewSecret("pw")))
			if (pgxErr == nil) != row.passes || (libpqErr == nil) != row.passes {
				t.Errorf("pgx: %v; libpq: %v; want success: %t", pgxErr, libpqErr, row.passes)
			}
		})
	}
}

// TestAnotherMachineMustProveItsName where nothing is said: a server of the plan
// that is reached at an address keeps its settings, and gets what they leave out.
func TestAnotherMachineMustProveItsName(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	cert, key := authority.Client(t)
	server, err := pg.ParseServer(config.NewSecret(fmt.Sprintf("sslrootcert=%s sslcert=%s sslkey=%s application_name=x", authority.File, cert, key)))
	if err != nil {
		t.Fatal(err)
	}
	server.Host, server.Port, server.User = "/run/p", 1, "a"
	if strings.Contains(server.Conninfo(), "sslmode") {
		t.Errorf("a socket: %s", server.Conninfo())
	}
	server.Host = "10.20.0.11"
	for _, word := range []string{"sslmode='verify-full'", "sslrootcert='" + authority.File + "'", "sslcert='" + cert + "'", "sslkey='" + key + "'"} {
		if !strings.Contains(server.Conninfo(), word) {
			t.Errorf("%s is missing: %s", word, server.Conninfo())
		}
	}
	server.SSLMode = "require"
	if !strings.Contains(server.Conninfo(), "sslmode='require'") {
		t.Errorf("what is asked for: %s", server.Conninfo())
	}
}
