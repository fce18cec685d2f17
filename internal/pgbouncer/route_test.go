package pgbouncer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const sample = `; pools of the research service
[databases]
research = host=10.0.0.1 port=5433 dbname=research pool_size=20 ; writers
research_ro=host=/run/postgresql dbname=research
"odd name" = host=10.0.0.9

[pgbouncer]
listen_port = 6432
`

func TestServerOfReadsAnEntry(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]Server{
		"research":    {Host: "10.0.0.1", Port: 5433},
		"research_ro": {Host: "/run/postgresql", Port: 5432},
		"odd name":    {Host: "10.0.0.9", Port: 5432},
	} {
		got, err := serverOf(sample, entry)
		require.NoError(t, err, entry)
		require.Equal(t, want, got, entry)
	}
}

func TestWithServerChangesOneLineOnly(t *testing.T) {
	t.Parallel()
	changed, err := withServer(sample, "research", Server{Host: "10.0.0.2", Port: 6000})
	require.NoError(t, err)
	before, after := strings.Split(sample, "\n"), strings.Split(changed, "\n")
	require.Len(t, after, len(before))
	for i := range before {
		if i != 2 {
			require.Equal(t, before[i], after[i])
		}
	}
	require.Equal(t, "research = host=10.0.0.2 port=6000 dbname=research pool_size=20", after[2])
	again, err := withServer(changed, "research", Server{Host: "10.0.0.2", Port: 6000})
	require.NoError(t, err)
	require.Equal(t, changed, again, "twice is the same")
}

func TestWithServerRefuses(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]struct {
		config, entry string
		to            Server
		class         failure.Class
	}{
		"unknown entry":     {sample, "payroll", Server{Host: "a", Port: 1}, failure.NotFound},
		"entry twice":       {sample + "research = host=x\n", "research", Server{Host: "a", Port: 1}, failure.Corrupt},
		"no host":           {sample, "research", Server{Port: 1}, failure.InvalidInput},
		"injected settings": {sample, "research", Server{Host: "a user=postgres", Port: 1}, failure.InvalidInput},
		"injected line":     {sample, "research", Server{Host: "a\nadmin_users=x", Port: 1}, failure.InvalidInput},
		"impossible port":   {sample, "research", Server{Host: "a", Port: 70000}, failure.InvalidInput},
	} {
		_, err := withServer(try.config, try.entry, try.to)
		require.Equal(t, try.class, failure.ClassOf(err), "%s: %v", name, err)
	}
}

func TestReplaceConfigKeepsTheModeAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "databases.ini")
	require.NoError(t, os.WriteFile(path, []byte(sample), 0o640))
	require.NoError(t, replaceConfig(path, "new"))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func FuzzWithServer(f *testing.F) {
	f.Add(sample, "research", "10.0.0.2", 5432)
	f.Fuzz(func(t *testing.T, config, entry, host string, port int) {
		changed, err := withServer(config, entry, Server{Host: host, Port: port})
		if err != nil {
			return
		}
		got, err := serverOf(changed, entry)
		require.NoError(t, err)
		require.Equal(t, Server{Host: host, Port: port}, got)
		require.Equal(t, strings.Count(config, "\n"), strings.Count(changed, "\n"))
	})
}
