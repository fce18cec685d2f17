package pg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

func TestClassifyBySQLState(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]failure.Class{
		"28P01": failure.Forbidden, "42501": failure.Forbidden, "42P01": failure.NotFound, "57P03": failure.Unavailable,
		"53300": failure.Unavailable, "XX001": failure.Corrupt, "25006": failure.Refused, "42601": failure.InvalidInput, "P0001": failure.Unknown,
	} {
		if got := failure.ClassOf(pg.Classify(&pgconn.PgError{Code: state}, "ask")); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
	if pg.Classify(nil, "ask") != nil {
		t.Error("no error became one")
	}
}

func TestServerNeverPrintsItsPassword(t *testing.T) {
	t.Parallel()
	server, err := pg.ParseServer(config.NewSecret(`host=/run/p port=5433 dbname=shop user='o''dd' password=hunter2 sslrootcert=/none`))
	if err == nil {
		t.Fatalf("a missing root certificate was accepted: %v", server)
	}
	server, err = pg.ParseServer(config.NewSecret(`host=/run/p port=5433 dbname=shop user=app password=hunter2`))
	if err != nil || server.Host != "/run/p" || server.Port != 5433 || server.Database != "shop" || server.Password.Reveal() != "hunter2" {
		t.Fatalf("ParseServer = %v, %v", server, err)
	}
	for _, text := range []string{server.String(), server.Conninfo(), fmt.Sprintf("%+v %#v", server, server)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the password was printed: %s", text)
		}
	}
	odd := pg.Server{Host: "/run/p", Port: 1, User: `a'b\c`, Database: "x y"}
	if want := `user='a\'b\\c'`; !strings.Contains(odd.Conninfo(), want) {
		t.Errorf("Conninfo = %s, want %s in it", odd.Conninfo(), want)
	}
}
