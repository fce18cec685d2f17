package damage_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/amcheck"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func TestFlippedBytesAreFoundAndNamed(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	space := pgtest.Dir(t)
	server.Exec(t, "CREATE TABLESPACE far LOCATION '"+space+"'",
		"CREATE TABLE hurt TABLESPACE far AS SELECT g AS id, repeat('x', 500) AS pad FROM generate_series(1, 3000) g",
		"CREATE INDEX hurt_id ON hurt (id)", "VACUUM ANALYZE hurt", "CREATE EXTENSION amcheck")
	heap := pgtest.Query[string](t, server, "SELECT pg_relation_filepath('hurt')")
	index := pgtest.Query[string](t, server, "SELECT pg_relation_filepath('hurt_id')")
	server.Stop(t)
	pgtest.Flip(t, server, heap, 3*page.Size+5000)
	pgtest.Flip(t, server, heap, 7*page.Size+5000)
	pgtest.Flip(t, server, index, 2*page.Size+100)
	server.Start(t)
	super := server.Super()
	report, err := damage.Extent(t.Context(), server.Cluster(t), &super, damage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.PagesBad != 3 || len(report.Tables) != 2 || len(report.Unknown) != 0 || report.Pages < 1000 {
		t.Fatalf("report = %+v", report)
	}
	worst := report.Tables[0]
	if worst.Name != "hurt" || worst.Kind != "table" || !slices.Equal(worst.Blocks, []uint32{3, 7}) || worst.RowsUnreadable == nil || *worst.RowsUnreadable < 10 {
		t.Errorf("worst = %+v", worst)
	}
	if second := report.Tables[1]; second.Name != "hurt_id" || second.Kind != "index" || second.Of != "hurt" {
		t.Errorf("second = %+v", second)
	}
	checkAmcheck(t, server)
	server.Kill(t)
	down, err := damage.Extent(t.Context(), server.Cluster(t), nil, damage.Options{})
	if err != nil || down.PagesBad != 3 || len(down.Unknown) != 2 {
		t.Errorf("without a server: %+v, %v", down, err)
	}
}

func checkAmcheck(t *testing.T, server *pgtest.Server) {
	t.Helper()
	result, err := amcheck.Run(t.Context(), server.Super(), amcheck.Options{Databases: []string{"postgres"}})
	if err != nil {
		t.Fatal(err)
	}
	hurt := map[string]bool{}
	for _, finding := range result.Findings {
		hurt[finding.Relation] = true
	}
	want := map[string]bool{"public.hurt": true, "public.hurt_id": true}
	if pgtest.Major(t) < 14 {
		delete(want, "public.hurt") // nothing checks a table's structure, which is to be said
		if len(result.Skipped) != 1 || !strings.Contains(result.Skipped[0], "tables of postgres") {
			t.Errorf("amcheck does not say that no table was checked: %+v", result)
		}
	}
	if !maps.Equal(hurt, want) || result.Relations < 100 || result.Sound() || !result.Failed() {
		t.Errorf("amcheck = %+v", result)
	}
}

func TestClusterWithoutChecksumsIsNotCalledSound(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.WithoutChecksums(), pgtest.Stopped())
	if _, err := damage.Scan(t.Context(), server.Cluster(t), damage.Options{}); !failure.Is(err, failure.Refused) {
		t.Errorf("Scan = %v, want Refused", err)
	}
}

func TestScanOfARunningServerUnderWritesFindsNoFalseDamage(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.With("bgwriter_delay", "10ms"))
	server.Exec(t, "CREATE TABLE busy AS SELECT g AS id, repeat('x', 200) AS pad FROM generate_series(1, 20000) g")
	done := make(chan struct{})
	conn := server.Connect(t)
	go func() {
		defer close(done)
		for range 15 {
			if _, err := conn.Exec(t.Context(), "UPDATE busy SET pad = repeat('y', 200) WHERE id % 3 = 0; CHECKPOINT"); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	c := server.Cluster(t)
	for running := true; running; {
		scanned, err := damage.Scan(t.Context(), c, damage.Options{})
		if err != nil || scanned.PagesBad != 0 {
			t.Errorf("Scan = %+v, %v", scanned, err)
		}
		select {
		case <-done:
			running = false
		default:
		}
	}
}
