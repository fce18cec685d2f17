package pg_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// encrypt gives a server its certificate.
func encrypt(t *testing.T, server *pgtest.Server, pair tls.Certificate) {
	t.Helper()
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
	encrypt(t, encrypted, right.Server(t))
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

// elsewhere is an address of this machine that is not a loopback address: Linux
// connects 0.0.0.0 to itself. To holdfast it is another machine's.
const elsewhere = "0.0.0.0"

// TestEnvironmentLeadsToAServerThatMustProveItsName on real servers, for a whole
// connection string that names no host: PGHOST and a service file lead to another
// machine as surely as the string does.
func TestEnvironmentLeadsToAServerThatMustProveItsName(t *testing.T) {
	authority := tlstest.New(t)
	named, other, plain := pgtest.Start(t), pgtest.Start(t), pgtest.Start(t)
	encrypt(t, named, authority.Server(t, elsewhere))
	encrypt(t, other, authority.Server(t))
	for name, row := range map[string]struct {
		server *pgtest.Server
		passes bool
	}{"its name is in the certificate": {named, true}, "another name is": {other, false}, "in the clear": {plain, false}} {
		t.Run(name, func(t *testing.T) {
			super := row.server.Super()
			row.server.Exec(t, "CREATE ROLE far LOGIN PASSWORD 'pw'")
			services := filepath.Join(t.TempDir(), "services")
			content := fmt.Sprintf("[far]\nhost=%s\nport=%d\nuser=far\npassword=pw\ndbname=postgres\nsslmode=prefer\n", elsewhere, super.Port)
			if err := os.WriteFile(services, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PGSERVICEFILE", services)
			for text, environment := range map[string]map[string]string{
				fmt.Sprintf("port=%d user=far password=pw dbname=postgres", super.Port): {"PGHOST": elsewhere},
				"service=far": {"PGHOST": "/nowhere"}, "dbname=postgres": {"PGSERVICE": "far"},
			} {
				t.Run(text, func(t *testing.T) {
					for key, value := range environment {
						t.Setenv(key, value)
					}
					if err := login(t, text+" sslrootcert="+authority.File); (err == nil) != row.passes {
						t.Errorf("%s with %v: %v, want success: %t", text, environment, err, row.passes)
					}
				})
			}
		})
	}
}

// login connects as what takes a whole connection string does.
func login(t *testing.T, text string) error {
	t.Helper()
	secured, err := conninfo.Secure(text)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(t.Context(), secured)
	if err != nil {
		return err
	}
	defer conn.Close(t.Context())
	encrypted, err := pg.One[bool](t.Context(), conn, "ask for encryption", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
	if err == nil && !encrypted {
		return errors.New("the session is not encrypted")
	}
	return err
}

// TestProgramsDoNotHearTheEnvironment: a PG* variable of the worker's would send
// PostgreSQL's own programs, by PGHOSTADDR or PGSERVICE, past what their connection
// string says.
func TestProgramsDoNotHearTheEnvironment(t *testing.T) {
	server := pgtest.Start(t)
	for _, key := range []string{"PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGOPTIONS", "PGPASSFILE"} {
		t.Setenv(key, "192.0.2.1")
	}
	programs := server.Cluster(t).Programs
	out, err := programs.Run(t.Context(), "psql", "-X", "-w", "-At", "-c", "SHOW port", server.Super().Conninfo())
	if err != nil || out.ExitCode != 0 || strings.TrimSpace(out.Stdout) != strconv.Itoa(server.Super().Port) {
		t.Errorf("psql = %+v, %v, want to be at port %d", out, err, server.Super().Port)
	}
	for _, setting := range programs.Command(t.Context(), "psql").Env {
		if strings.HasPrefix(setting, "PG") {
			t.Errorf("the program hears %s", setting)
		}
	}
}

// TestOneServerIsMeant where a connection string is parsed into a Server.
func TestOneServerIsMeant(t *testing.T) {
	t.Setenv("PGHOST", "db1,db2")
	for text, fits := range map[string]bool{"user=a": false, "user=a host=db1": true, "user=a host=/run/p,db1": false, "user=a host=db1,db1 port=1,2": false} {
		if server, err := pg.ParseServer(config.NewSecret(text)); (err == nil) != fits || err != nil && !failure.Is(err, failure.InvalidInput) {
			t.Errorf("ParseServer(%q) = %v, %v, want one server: %t", text, server, err, fits)
		}
	}
}
