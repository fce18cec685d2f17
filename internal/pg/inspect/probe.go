package inspect

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Reach is whether a server answers.
type Reach string

// The answers. The zero value is not one.
const (
	Reachable   Reach = "reachable"
	Unreachable Reach = "unreachable" // nothing answers, or it says it cannot now
	Refused     Reach = "refused"     // it answers but does not let us in
	Unknown     Reach = "unknown"     // it answered half, or not understandably
)

// Probed is the result of one connectivity probe.
type Probed struct {
	Reach  Reach         `json:"reach"`
	Reason string        `json:"reason,omitempty"` // why not Reachable
	Took   time.Duration `json:"took"`
}

// Probe connects and asks one question. It never fails: the failure is the
// answer. It changes nothing, however often it runs.
func Probe(ctx context.Context, server pg.Server) Probed {
	begin := time.Now()
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		one, err := pg.One[int](ctx, conn, "ask the server", "SELECT 1")
		if err == nil && one != 1 {
			return failure.New(failure.Unknown, "SELECT 1 answered %d", one)
		}
		return err
	})
	probed := Probed{Reach: reachOf(err), Took: time.Since(begin)}
	if err != nil {
		probed.Reason = err.Error()
	}
	return probed
}

func reachOf(err error) Reach {
	switch failure.ClassOf(err) {
	case "":
		return Reachable
	case failure.Unavailable:
		return Unreachable
	case failure.Forbidden, failure.NotFound, failure.InvalidInput:
		return Refused
	default:
		return Unknown
	}
}
