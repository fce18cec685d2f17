package main

import (
	"regexp"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/tools/majors"
)

// suite is one row: a package's tests, or some of them.
type suite struct {
	name  string
	dir   string   // of the package, from the repository's root
	tests string   // go test -run; empty: all
	skip  string   // go test -skip; empty: none
	needs []string // what PostgreSQL installations may lack
}

// onlyLogical names the tests of internal/pg/scenario that read WAL.
const onlyLogical = "^TestL19LogicalDamage$"

// suites are the packages that start PostgreSQL and depend on its version, in
// the order in which a recovery uses them.
func suites() []suite {
	return []suite{
		{name: "pg/cluster", dir: "./internal/pg/cluster"},
		{name: "pg/inspect", dir: "./internal/pg/inspect"},
		{name: "pg/heartbeat", dir: "./internal/pg/heartbeat"},
		{name: "pg/fence", dir: "./internal/pg/fence"},
		{name: "pg/damage", dir: "./internal/pg/damage", needs: []string{"amcheck"}},
		{name: "pg/onset", dir: "./internal/pg/onset", needs: []string{"pg_waldump"}},
		{name: "pg/replay", dir: "./internal/pg/replay", needs: []string{"pg_basebackup"}},
		{name: "pg/verify", dir: "./internal/pg/verify"},
		{name: "pg/swap", dir: "./internal/pg/swap", needs: []string{"pg_basebackup"}},
		{name: "pg/replica", dir: "./internal/pg/replica", needs: []string{"pg_basebackup"}},
		{name: "pg/observe", dir: "./internal/pg/observe", needs: []string{"pg_basebackup"}},
		{name: "pg/scenario, bytes", dir: "./internal/pg/scenario", skip: onlyLogical, needs: []string{"pg_verifybackup", "amcheck"}},
		{name: "pg/scenario, SQL", dir: "./internal/pg/scenario", tests: onlyLogical, needs: []string{"pg_verifybackup", "amcheck", "pg_waldump"}},
		{name: "walship", dir: "./internal/walship", needs: []string{"pgbench"}},
		{
			name: "e2e, bad migration", dir: "./testsuite/e2e", tests: "^TestL1L14L19BadMigrationIsUndone$",
			needs: []string{"pg_basebackup", "pg_verifybackup", "pg_waldump", "amcheck"},
		},
	}
}

// matching returns the suites whose name matches; all when only is empty.
func matching(only string) ([]suite, error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, failure.Invalid("only", "%q is no regular expression", only)
	}
	chosen := slices.DeleteFunc(suites(), func(s suite) bool { return !pattern.MatchString(s.name) })
	if len(chosen) == 0 {
		return nil, failure.Invalid("only", "%q matches no package", only)
	}
	return chosen, nil
}

// alone reports whether the suite is not all tests of its package: then it is a
// run of its own.
func (s suite) alone() bool { return s.tests != "" || s.skip != "" }

// arguments of go test.
func (s suite) arguments() []string {
	var args []string
	if s.tests != "" {
		args = append(args, "-run", s.tests)
	}
	if s.skip != "" {
		args = append(args, "-skip", s.skip)
	}
	return append(args, s.dir)
}

// lacking returns what of the suite's needs an installation has not.
func (s suite) lacking(on majors.Installed) []string {
	var lacks []string
	for _, need := range s.needs {
		if slices.Contains(on.Missing, need) {
			lacks = append(lacks, need)
		}
	}
	return lacks
}
