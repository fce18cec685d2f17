package fence

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Options say whom to keep out.
type Options struct {
	Roles      []string     `json:"roles"`     // the application's; each must exist
	Databases  []string     `json:"databases"` // where they write; each must exist
	RecordPath string       `json:"record_path"`
	SystemID   wal.SystemID `json:"system_id"`        // the cluster meant
	Owner      pg.Owner     `json:"owner"`            // of the record file, as of the data directory
	Logins     []pg.Server  `json:"logins,omitempty"` // application logins that must be refused afterwards
	// Allowed may go on writing, by the plan's own word.
	Allowed []string `json:"allowed,omitempty"`
	// PriorPath is the record of a fence that this cluster may have come with: a
	// copy replayed past the fence of its origin has it too, and what it shows is
	// not how things were. "" or no file there: it came without.
	PriorPath string `json:"prior_path,omitempty"`
	// Copy says that the cluster was restored from another. Its subscriptions stand
	// where the copy ends, their publishers' slots where the origin's did: enabled,
	// they would pass over what lies between and say nothing. They stay disabled.
	Copy bool `json:"copy,omitempty"`
}

// Fenced is the proof that no application can write.
type Fenced struct {
	At         time.Time `json:"at"`  // the server's clock, UTC, after the last session ended
	LSN        wal.LSN   `json:"lsn"` // insert position then: no application wrote later. 0: unknown (server down)
	Terminated int       `json:"terminated"`
	Others     []string  `json:"others,omitempty"` // roles with sessions in these databases that were not asked to leave
	Record     Record    `json:"record"`
}

const settleLimit = 30 * time.Second

// Writes fences application writes; see the package documentation. Running it
// twice, or after being killed half-way, ends in the same fence and the same
// record. Errors: IdentityMismatch, NotFound (a role or database), Refused (a
// standby, or one's own role), CheckFailed (a login still works, or others may
// write), Forbidden.
func Writes(ctx context.Context, server pg.Server, opts Options) (Fenced, error) {
	if err := opts.check(server); err != nil {
		return Fenced{}, err
	}
	var fenced Fenced
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		var err error
		if fenced.Record, err = remember(ctx, conn, opts); err != nil {
			return err
		}
		if err := raise(ctx, conn, fenced.Record); err != nil {
			return err
		}
		if err := disable(ctx, server, fenced.Record.Subscriptions); err != nil {
			return err
		}
		if err := endWorkers(ctx, conn); err != nil {
			return err
		}
		if fenced.Terminated, err = terminate(ctx, conn, opts.Roles); err != nil {
			return err
		}
		return fenced.prove(ctx, conn, opts)
	})
	if err == nil {
		err = requireNoOthers(ctx, server, opts)
	}
	return fenced, pg.Classify(err, "fence writes on %s", server)
}

func (o Options) check(server pg.Server) error {
	if len(o.Roles) == 0 || len(o.Databases) == 0 || o.RecordPath == "" || o.SystemID == 0 {
		return failure.Invalid("fence", "roles, databases, record_path and system_id must be given")
	}
	if slices.Contains(o.Roles, server.User) {
		return failure.New(failure.Refused, "role %q is holdfast's own on this server: fencing it would shut holdfast out", server.User)
	}
	return nil
}

// remember writes down what is there before anything changes. What an earlier
// call of this fence, or one that the cluster came with, has changed already is
// taken from its record; what it has not is as it is now, so that a record left
// behind by a fence that somebody lifted by hand is never restored.
func remember(ctx context.Context, conn *pgx.Conn, opts Options) (Record, error) {
	if err := requirePrimary(ctx, conn, opts.SystemID); err != nil {
		return Record{}, err
	}
	record, found, err := Load(opts.RecordPath)
	if err != nil {
		return Record{}, err
	}
	if found && record.SystemID != opts.SystemID {
		return Record{}, failure.New(failure.IdentityMismatch, "fence record %s is of system %s, not %s",
			opts.RecordPath, record.SystemID, opts.SystemID)
	}
	seen, err := observe(ctx, conn, opts)
	if err != nil {
		return Record{}, err
	}
	if found {
		seen.Offline = record.Offline
		seen.inherit(record)
	}
	if opts.PriorPath != "" {
		prior, _, err := Load(opts.PriorPath)
		if err != nil {
			return Record{}, err
		}
		seen.inherit(prior)
	}
	return seen, save(opts.Owner, opts.RecordPath, seen)
}

func requirePrimary(ctx context.Context, conn *pgx.Conn, want wal.SystemID) error {
	var system int64
	var standby bool
	err := conn.QueryRow(ctx, "SELECT system_identifier, pg_is_in_recovery() FROM pg_control_system()").Scan(&system, &standby)
	if err != nil {
		return pg.Classify(err, "ask for identity")
	}
	if wal.SystemID(uint64(system)) != want {
		return failure.New(failure.IdentityMismatch, "the server is system %d; expected %s", uint64(system), want)
	}
	if standby {
		return failure.New(failure.Refused, "the server is a standby: it takes no writes to fence")
	}
	return nil
}

func observe(ctx context.Context, conn *pgx.Conn, opts Options) (Record, error) {
	limit := len(opts.Roles)*len(opts.Databases) + len(opts.Roles)
	roles, err := pg.Rows[Role](ctx, conn, limit, "read roles", `SELECT rolname::text AS name, rolconnlimit AS connection_limit,
		rolcanlogin AS can_login, rolsuper AS superuser FROM pg_roles WHERE rolname = ANY($1)`, opts.Roles)
	if err != nil {
		return Record{}, err
	}
	settings, err := pg.Rows[Setting](ctx, conn, limit, "read role settings", `SELECT r.rolname::text AS role, d.datname::text AS database,
		(SELECT substr(c, length('default_transaction_read_only=') + 1) FROM unnest(s.setconfig) c
			WHERE c LIKE 'default\_transaction\_read\_only=%') AS read_only
		FROM pg_roles r CROSS JOIN pg_database d
		LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = d.oid
		WHERE r.rolname = ANY($1) AND d.datname = ANY($2)`, opts.Roles, opts.Databases)
	if err != nil {
		return Record{}, err
	}
	if len(roles) != len(opts.Roles) || len(settings) != len(opts.Roles)*len(opts.Databases) {
		return Record{}, failure.New(failure.NotFound, "of roles %q and databases %q not all exist", opts.Roles, opts.Databases)
	}
	subscriptions, err := enabled(ctx, conn)
	return Record{
		SystemID: opts.SystemID, MadeAt: time.Now().UTC(), Roles: roles, Settings: settings, Subscriptions: subscriptions, Copy: opts.Copy,
	}, err
}
