package fence

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Lift restores exactly what the record holds and then removes it; only the
// subscriptions of a copy stay disabled, see Options.Copy. Without a
// record nothing is fenced and nothing changes, so a second call is harmless;
// killed half-way the record is still there and the next call finishes. What
// can be restored is, even when something else cannot; the errors are joined.
func Lift(ctx context.Context, server pg.Server, recordPath string, system wal.SystemID) error {
	record, found, err := Load(recordPath)
	if err != nil || !found {
		return err
	}
	if record.SystemID != system {
		return failure.New(failure.IdentityMismatch, "fence record %s is of system %s, not %s", recordPath, record.SystemID, system)
	}
	if record.Offline != nil {
		return failure.New(failure.Refused, "%s was fenced while it was down", server).
			WithHint("lift the offline fence first: it needs the server stopped")
	}
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		if err := requirePrimary(ctx, conn, system); err != nil {
			return err
		}
		lowered := lower(ctx, conn, record)
		if record.Copy {
			return lowered
		}
		return firstOf([]error{lowered, alterEach(ctx, server, record.Subscriptions, "ENABLE")})
	})
	if err != nil {
		return pg.Classify(err, "lift the fence on %s", server)
	}
	return remove(recordPath)
}

// lower restores settings before logins, so that no session starts half fenced.
func lower(ctx context.Context, conn *pgx.Conn, record Record) error {
	var failed []error
	for _, s := range record.Settings {
		prefix := "ALTER ROLE " + quote(s.Role) + " IN DATABASE " + quote(s.Database)
		statement := prefix + " RESET default_transaction_read_only"
		if s.ReadOnly != nil {
			statement = prefix + " SET default_transaction_read_only = " + quoteLiteral(*s.ReadOnly)
		}
		failed = append(failed, alter(ctx, conn, statement))
	}
	for _, role := range record.Roles {
		statement := "ALTER ROLE " + quote(role.Name) + " CONNECTION LIMIT " + strconv.Itoa(role.Limit)
		if role.Superuser && role.CanLogin {
			statement += " LOGIN"
		}
		failed = append(failed, alter(ctx, conn, statement))
	}
	return firstOf(failed)
}

// firstOf joins errors, with the class of the first.
func firstOf(parts []error) error {
	for _, part := range parts {
		if part != nil {
			return failure.Wrap(failure.ClassOf(part), errors.Join(parts...), "change what the fence's record holds")
		}
	}
	return nil
}

func quoteLiteral(value string) string {
	quoted := "'"
	for _, r := range value {
		if r == '\'' {
			quoted += "'"
		}
		quoted += string(r)
	}
	return quoted + "'"
}
