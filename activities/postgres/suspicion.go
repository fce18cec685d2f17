package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// suspicion is what names tables of one database besides the log.
type suspicion struct {
	tables map[string][]string // why, by schema.name
	gone   []string            // why a table is known to be missing, whatever its name in the log
}

// suspicions are in the order in which they count: what shows damage, then what
// matters to whoever wrote the plan. What cannot be asked names nothing.
func suspicions(ctx context.Context, server pg.Server, database plan.Database, results []CheckResult) []suspicion {
	shown, interest := suspicion{tables: map[string][]string{}}, suspicion{tables: map[string][]string{}}
	for i, invariant := range database.Invariants {
		if i >= len(results) || results[i].Status == CheckPassed {
			continue
		}
		reads, missing, err := verify.Reads(ctx, server, verify.Check{Name: invariant.Name, SQL: invariant.SQL})
		switch {
		case err != nil: // it names nothing
		case missing:
			shown.gone = append(shown.gone, fmt.Sprintf("invariant %s reads a table that is not there", invariant.Name))
		case results[i].Status == CheckFailed:
			for _, table := range reads {
				shown.tables[table] = append(shown.tables[table], fmt.Sprintf("invariant %s, which reads %s, is broken", invariant.Name, table))
			}
		}
	}
	for _, table := range database.TablesOfInterest {
		there, err := exists(ctx, server, table)
		switch {
		case err != nil: // it names nothing
		case there:
			interest.tables[table] = []string{fmt.Sprintf("%s is a table of interest of the plan", table)}
		default:
			shown.gone = append(shown.gone, fmt.Sprintf("%s, a table of interest of the plan, is not there", table))
		}
	}
	return []suspicion{shown, interest}
}

func exists(ctx context.Context, server pg.Server, table string) (there bool, err error) {
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		there, err = pg.One[bool](ctx, conn, "look for table "+table, "SELECT to_regclass($1) IS NOT NULL", table)
		return err
	})
	return there, err
}

// why says why a candidate that touched relations is named; none: it is not.
func (s suspicion) why(kind onset.Why, touched []damage.Relation, database string) (reasons []string) {
	if kind == onset.Drop {
		reasons = append(reasons, s.gone...)
	}
	for _, relation := range touched {
		if relation.Database == database {
			reasons = append(reasons, s.tables[relation.Schema+"."+relation.Name]...)
		}
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	return reasons[:min(len(reasons), maxReasons)]
}

// maxReasons and maxTold bound what a person is shown of one candidate.
const (
	maxReasons = 5
	maxTold    = 3
)

// suspect is a candidate with the relations that are known of what it touched.
type suspect struct {
	onset.Candidate
	touched []damage.Relation
}

// suspectOf looks the candidate's files up; names may be nil.
func suspectOf(candidate onset.Candidate, names *damage.Names) suspect {
	s := suspect{Candidate: candidate}
	look := func(file page.RelFile) {
		if names == nil {
			return
		}
		if relation, found := names.Find(file); found && !slices.Contains(s.touched, relation) {
			s.touched = append(s.touched, relation)
		}
	}
	for _, relation := range candidate.Relations {
		if relation.Destroyed() > 0 {
			look(relation.File)
		}
	}
	if candidate.Why != onset.Drop {
		for _, file := range candidate.Made { // what was emptied has a new file
			look(file)
		}
	}
	return s
}

// relation is the relation that the candidate is shown with: what it destroyed
// most of, or the file of what is no longer there.
func (s suspect) relation() string {
	switch {
	case len(s.touched) > 0:
		return s.touched[0].String()
	case len(s.Removed) > 0:
		return fmt.Sprintf("file %d (dropped since)", s.Removed[0].Node)
	case len(s.Relations) > 0:
		return fmt.Sprintf("file %d (dropped since)", s.Relations[0].File.Node)
	}
	return ""
}

// detail says what the candidate did, and to what.
func (s suspect) detail() string {
	text := fmt.Sprintf("%s by transaction %d: %d rows deleted, %d updated, %d files removed",
		s.Why, s.XID, s.Rows.Deleted, s.Rows.Updated, s.Files)
	var told []string
	for _, relation := range s.touched {
		if relation.Kind == "table" || relation.Kind == "matview" {
			told = append(told, relation.String())
		}
	}
	if len(told) == 0 {
		return text
	}
	more := ""
	if len(told) > maxTold {
		more = fmt.Sprintf(" and %d more", len(told)-maxTold)
	}
	return text + "; it touched " + strings.Join(told[:min(len(told), maxTold)], ", ") + more
}

// name notes which onsets are named: by the first suspicion that names any.
func name(onsets []recovery.Onset, suspects []suspect, by []suspicion, database string) {
	for _, suspicion := range by {
		named := false
		for i, suspect := range suspects {
			onsets[i].Named = suspicion.why(suspect.Why, suspect.touched, database)
			named = named || len(onsets[i].Named) > 0
		}
		if named {
			return
		}
	}
}
