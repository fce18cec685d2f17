package conninfo_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"":                                     {},
		"  host = db1 port=5432\n":             {"host": "db1", "port": "5432"},
		`user='a\'b\\c' dbname='x y' options=`: {"user": `a'b\c`, "dbname": "x y", "options": ""},
		"sslmode=prefer sslmode=verify-ca":     {"sslmode": "verify-ca"},
		`host=a\ b`:                            {"host": "a b"},
	} {
		got, err := conninfo.Parse(text)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("Parse(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"host", "=x", "host='a", "a b=c", "hunter2 host=x"} {
		if _, err := conninfo.Parse(text); !failure.Is(err, failure.InvalidInput) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q) = %v, want InvalidInput without the string", text, err)
		}
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"": false, "/run/postgresql": false, "@abstract": false, "localhost": false, "127.0.0.1": false, "127.1.2.3": false, "::1": false,
		"10.0.0.1": true, "db.example.org": true, "localhost.example.org": true, "fe80::1": true, "0.0.0.0": true,
	} {
		if conninfo.Remote(host) != want {
			t.Errorf("Remote(%q) is not %t", host, want)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, host, mode, want string }{
		{"", "10.0.0.1", "", "sslmode='verify-full'"},
		{"", "127.0.0.1", "", ""},
		{"sslmode=require", "10.0.0.1", "", "sslmode='require'"},
		{"sslmode=require", "10.0.0.1", "verify-ca", "sslmode='verify-ca'"},
		{
			"sslrootcert='/etc/my ca' sslcert=c sslkey=k password=hunter2 application_name=x", "db2", "",
			"sslmode='verify-full' sslcert='c' sslkey='k' sslrootcert='/etc/my ca'",
		},
	} {
		words, err := conninfo.TLS(row.text, row.host, row.mode)
		if got := strings.Join(words, " "); err != nil || got != row.want {
			t.Errorf("TLS(%q, %q, %q) = %s, %v, want %s", row.text, row.host, row.mode, got, err, row.want)
		}
	}
}

func TestSecure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"host=/run/p":                        "host=/run/p",
		"host=db2 port=1":                    "host=db2 port=1 sslmode=verify-full",
		"host=localhost,db2":                 "host=localhost,db2 sslmode=verify-full",
		"host=localhost hostaddr=10.0.0.1":   "host=localhost hostaddr=10.0.0.1 sslmode=verify-full",
		"host=/run/p,db2 sslmode=''":         "host=/run/p,db2 sslmode='' sslmode=verify-full",
		"host=db2 sslmode=disable":           "host=db2 sslmode=disable",
		"postgres://a@db2:1/x":               "postgres://a@db2:1/x?sslmode=verify-full",
		"postgres://a@localhost/x":           "postgres://a@localhost/x",
		"postgres://a@[::1]:5/x":             "postgres://a@[::1]:5/x",
		"postgresql:///x?host=db2":           "postgresql:///x?host=db2&sslmode=verify-full",
		"postgres://localhost,db2/x":         "postgres://localhost,db2/x?sslmode=verify-full",
		"postgres://db2/x?ssl=true":          "postgres://db2/x?sslmode=verify-full",
		"postgresql://db2/x?sslmode=require": "postgresql://db2/x?sslmode=require",
	} {
		if got, err := conninfo.Secure(text); err != nil || got != want {
			t.Errorf("Secure(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"postgres://a:hunter2@%zz", "password=hunter2 port=x", "password=hunter2 host=a,b port=1,2,3"} {
		if _, err := conninfo.Secure(text); !failure.Is(err, failure.InvalidInput) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Secure of a bad string = %v, want InvalidInput without the string", err)
		}
	}
}

// TestSecureWhereTheEnvironmentLeads: the string need not name the host itself, and
// what protects it is the string's alone to say.
func TestSecureWhereTheEnvironmentLeads(t *testing.T) {
	services := filepath.Join(t.TempDir(), "services")
	content := "[there]\nhost=db2\nsslmode=disable\n\n[here]\nhost=/run/p\n\n[both]\nhost=/run/p,db2\n"
	if err := os.WriteFile(services, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSERVICEFILE", services)
	for name, row := range map[string]struct {
		environment map[string]string
		text, want  string
	}{
		"PGHOST":               {map[string]string{"PGHOST": "db2"}, "dbname=x", "dbname=x sslmode=verify-full"},
		"a list in PGHOST":     {map[string]string{"PGHOST": "/run/p,db2"}, "", " sslmode=verify-full"},
		"PGHOST, by URL":       {map[string]string{"PGHOST": "db2"}, "postgres:///x", "postgres:///x?sslmode=verify-full"},
		"PGHOST is local":      {map[string]string{"PGHOST": "/run/p"}, "dbname=x", "dbname=x"},
		"the string is local":  {map[string]string{"PGHOST": "db2"}, "host=/run/p", "host=/run/p"},
		"PGSSLMODE":            {map[string]string{"PGHOST": "db2", "PGSSLMODE": "disable"}, "", " sslmode=verify-full"},
		"the string says":      {map[string]string{"PGHOST": "db2"}, "sslmode=require", "sslmode=require"},
		"a service":            {nil, "service=there", "service=there sslmode=verify-full"},
		"a service is local":   {nil, "service=here", "service=here"},
		"a service has a list": {nil, "service=both", "service=both sslmode=verify-full"},
		"a service, by URL":    {nil, "postgres:///?service=there", "postgres:///?service=there&sslmode=verify-full"},
		"PGSERVICE":            {map[string]string{"PGSERVICE": "there"}, "user=a", "user=a sslmode=verify-full"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range row.environment {
				t.Setenv(key, value)
			}
			if got, err := conninfo.Secure(row.text); err != nil || got != row.want {
				t.Errorf("Secure(%q) = %q, %v, want %q", row.text, got, err, row.want)
			}
		})
	}
}
