package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/testsuite/tools/majors"
)

func TestVerdictIsOnlyWhatGoTestSaid(t *testing.T) {
	t.Parallel()
	const said = `ok  	example.org/internal/pg/swap/place	0.007s
FAIL	example.org/internal/pg/replay	62.542s
ok  	example.org/internal/pg/fence	1.5s [no tests to run]
ok  	example.org/internal/pg/swap	12.5s
`
	for dir, want := range map[string]string{
		"./internal/pg/swap": "ok 12.5s", "./internal/pg/replay": "FAIL", "./internal/pg/fence": "FAIL", "./internal/pg/onset": "FAIL",
	} {
		if got := verdict(said, dir).String(); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}

func TestWhatIsLackingIsNeitherPassedNorFailed(t *testing.T) {
	t.Parallel()
	sources, err := majors.Select("16")
	if err != nil {
		t.Fatal(err)
	}
	c := column{on: majors.Installed{Source: sources[0], Missing: []string{"pg_waldump"}}}
	for _, s := range suites() {
		c.outcomes = append(c.outcomes, outcome{lacks: s.lacking(c.on), passed: len(s.lacking(c.on)) == 0})
	}
	text := table(suites(), []column{c})
	if failures([]column{c}) != 0 || strings.Count(text, "not run") != 4 || !strings.Contains(text, "lacks: pg_waldump") {
		t.Errorf("%d failures in\n%s", failures([]column{c}), text)
	}
}

func TestSuitesNamePackagesThatExist(t *testing.T) {
	t.Parallel()
	for _, s := range suites() {
		if found, err := filepath.Glob(filepath.Join("..", "..", s.dir, "*_test.go")); err != nil || len(found) == 0 {
			t.Errorf("%s has no tests: %v", s.dir, err)
		}
	}
}
