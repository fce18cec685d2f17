package verify

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Compare says how a check's result is compared with what is wanted.
type Compare string

// The comparisons. Text is compared as PostgreSQL prints the value.
const (
	Equal   Compare = "equal"    // as text, or as numbers where both are
	AtLeast Compare = "at least" // as numbers
	AtMost  Compare = "at most"  // as numbers
	True    Compare = "true"     // a boolean invariant; Want is not used
)

// Check is one SQL statement of the plan that returns one value.
type Check struct {
	Name    string        `json:"name"`
	SQL     string        `json:"sql"`
	Compare Compare       `json:"compare"`
	Want    string        `json:"want,omitempty"`
	Limit   time.Duration `json:"limit,omitempty"` // default 60 s
}

// Status is a check's verdict; the zero value is none.
type Status string

// The verdicts.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Unknown Status = "unknown" // it could not be run, or its answer not compared
)

// Result is one check with what it found.
type Result struct {
	Name   string        `json:"name"`
	Status Status        `json:"status"`
	Got    string        `json:"got,omitempty"` // at most 1000 bytes
	Want   string        `json:"want,omitempty"`
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took"`
}

// Run runs checks in order as the server's role, each in a read-only
// transaction of its own. It never fails: what could not be run is Unknown with
// the reason. Read-only, so it may run any number of times.
func Run(ctx context.Context, server pg.Server, checks []Check) []Result {
	results := make([]Result, 0, len(checks))
	for _, check := range checks {
		begin := time.Now()
		result := Result{Name: check.Name, Want: check.wanted()}
		got, err := check.ask(ctx, server)
		if err != nil {
			result.Status, result.Detail = Unknown, err.Error()
		} else {
			result.Got = got[:min(len(got), 1000)]
			result.Status, result.Detail = check.judge(got)
		}
		result.Took = time.Since(begin)
		results = append(results, result)
	}
	return results
}

func (c Check) wanted() string {
	if c.Compare == True {
		return "true"
	}
	return c.Want
}

func (c Check) limit() time.Duration {
	if c.Limit <= 0 {
		return time.Minute
	}
	return c.Limit
}

func (c Check) ask(ctx context.Context, server pg.Server) (string, error) {
	var got string
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = "+strconv.FormatInt(c.limit().Milliseconds(), 10)); err != nil {
				return pg.Classify(err, "limit check %s", c.Name)
			}
			var err error
			got, err = c.value(ctx, tx)
			return err
		})
	})
	return got, err
}

// value reads exactly one row of one column, as PostgreSQL prints it.
func (c Check) value(ctx context.Context, tx pgx.Tx) (string, error) {
	rows, err := tx.Query(ctx, c.SQL, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return "", pg.Classify(err, "run check %s", c.Name)
	}
	defer rows.Close()
	var got []byte
	count := 0
	for rows.Next() && count < 2 {
		count++
		values := rows.RawValues()
		if len(values) != 1 {
			return "", failure.New(failure.InvalidInput, "check %s returns %d columns; one is needed", c.Name, len(values))
		}
		if values[0] == nil {
			return "", failure.New(failure.Unknown, "check %s returns NULL", c.Name)
		}
		got = append([]byte(nil), values[0]...)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return "", pg.Classify(err, "run check %s", c.Name)
	}
	if count != 1 {
		return "", failure.New(failure.Unknown, "check %s returns %d rows or more; one is needed", c.Name, count)
	}
	return string(got), nil
}

// judge compares purely.
func (c Check) judge(got string) (Status, string) {
	switch c.Compare {
	case True:
		return booleans(got)
	case Equal:
		if order, ok := numbers(got, c.Want); ok {
			return passedIf(order == 0), ""
		}
		return passedIf(got == c.Want), ""
	case AtLeast, AtMost:
		order, ok := numbers(got, c.Want)
		if !ok {
			return Unknown, "not both are numbers"
		}
		return passedIf(order == 0 || (order > 0) == (c.Compare == AtLeast)), ""
	}
	return Unknown, "comparison " + strconv.Quote(string(c.Compare)) + " is not known"
}

func booleans(got string) (Status, string) {
	switch got {
	case "t", "true":
		return Passed, ""
	case "f", "false":
		return Failed, ""
	}
	return Unknown, "the answer is no boolean"
}

func numbers(a, b string) (order int, ok bool) {
	x, errX := strconv.ParseFloat(strings.TrimSpace(a), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(b), 64)
	switch {
	case errX != nil || errY != nil:
		return 0, false
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, true
}

func passedIf(ok bool) Status {
	if ok {
		return Passed
	}
	return Failed
}
