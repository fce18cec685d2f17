package pg

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
)

// ApplicationName is what holdfast's sessions call themselves, so that a fence
// can tell them from an application's.
const ApplicationName = "holdfast"

// DefaultConnectTimeout bounds one connection attempt.
const DefaultConnectTimeout = 5 * time.Second

// Server says how to reach one PostgreSQL server as one role.
type Server struct {
	Host     string        `json:"host"` // a socket directory (begins with /) or an address
	Port     int           `json:"port"`
	Database string        `json:"database,omitempty"` // default "postgres"
	User     string        `json:"user"`
	Password config.Secret `json:"-"`
	SSLMode  string        `json:"ssl_mode,omitempty"` // libpq's sslmode; default "verify-full" for another machine, else "prefer"
	Timeout  time.Duration `json:"timeout,omitempty"`  // of one connection attempt; default 5 s
	Acting   string        `json:"acting,omitempty"`   // role whose rights each session takes after the login; "": User's own

	// base is the connection string this Server was parsed from: it may carry
	// settings that have no field here, such as sslrootcert. A pointer, since fmt
	// prints unexported fields without asking them to redact themselves.
	base *config.Secret
}

// ParseServer reads a libpq connection string of keywords ("host=… port=… user=…"),
// with or without a password in it. Where it leads, the environment and a service
// file counted, must be one server: what is done to it is done to no other.
// Errors are InvalidInput and never show the string.
func ParseServer(text config.Secret) (Server, error) {
	parsed, err := pgx.ParseConfig(text.Reveal())
	if err == nil {
		_, err = conninfo.Parse(text.Reveal())
	}
	if err != nil {
		// The parser's message may quote the string, password included.
		return Server{}, failure.Invalid("conninfo", "is not a libpq connection string")
	}
	for _, other := range parsed.Fallbacks {
		if other.Host != parsed.Host || other.Port != parsed.Port {
			return Server{}, failure.Invalid("conninfo", "leads to %s and to %s, and must lead to one server", parsed.Host, other.Host)
		}
	}
	return Server{
		Host: parsed.Host, Port: int(parsed.Port), Database: parsed.Database, User: parsed.User,
		Password: config.NewSecret(parsed.Password), base: &text,
	}, nil
}

// In returns s with another database.
func (s Server) In(database string) Server {
	s.Database = database
	return s
}

// As returns s with another role and its password.
func (s Server) As(user string, password config.Secret) Server {
	s.User, s.Password = user, password
	return s
}

// Connect opens one session. Errors: Unavailable when nothing answers or the
// server is starting, Forbidden when it refuses the login, NotFound for an
// unknown database, InvalidInput for a malformed Server.
func (s Server) Connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, Classify(err, "connect to %s", s)
	}
	return conn, nil
}

// Do opens a session, runs work in it and closes it.
func (s Server) Do(ctx context.Context, work func(*pgx.Conn) error) error {
	conn, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return work(conn)
}

// String names the server without its password.
func (s Server) String() string {
	return s.User + "@" + s.Host + ":" + strconv.Itoa(s.Port) + "/" + s.database()
}

// GoString implements fmt.GoStringer.
func (s Server) GoString() string { return s.String() }

func (s Server) database() string {
	if s.Database == "" {
		return "postgres"
	}
	return s.Database
}

func (s Server) config() (*pgx.ConnConfig, error) {
	if s.Host == "" || s.User == "" || s.Port < 1 || s.Port > 65535 {
		return nil, failure.Invalid("server", "%s needs a host, a user and a port of 1 to 65535", s)
	}
	text := s.Conninfo()
	if s.base != nil {
		text = s.base.Reveal() + " " + text
	}
	parsed, err := pgx.ParseConfig(text)
	if err != nil {
		// The parser's message may quote the connection string, password included.
		return nil, failure.Invalid("server", "%s is not a usable connection", s)
	}
	parsed.Password = s.Password.Reveal()
	if s.Acting != "" {
		parsed.RuntimeParams["role"] = s.Acting
	}
	parsed.ConnectTimeout = s.Timeout
	if s.Timeout <= 0 {
		parsed.ConnectTimeout = DefaultConnectTimeout
	}
	return parsed, nil
}

// Conninfo returns libpq's connection string without a password, for pgx,
// primary_conninfo and PostgreSQL's own programs. It spells out where to connect
// and how that is protected, so that PG* variables of the environment cannot send
// a destructive statement, or a password, to another server.
func (s Server) Conninfo() string {
	words := []string{
		"host=" + conninfo.Quote(s.Host),
		"port=" + strconv.Itoa(s.Port),
		"dbname=" + conninfo.Quote(s.database()),
		"user=" + conninfo.Quote(s.User),
		"application_name=" + ApplicationName,
	}
	return strings.Join(append(words, s.protection()...), " ")
}

// protection are the words about TLS: those of the string that s was read from,
// and what goes without saying.
func (s Server) protection() []string {
	text := ""
	if s.base != nil {
		text = s.base.Reveal()
	}
	words, err := conninfo.TLS(text, s.Host, s.SSLMode)
	if err != nil { // never of a string that ParseServer accepted; nothing is weaker for it
		words, _ = conninfo.TLS("", s.Host, conninfo.VerifyFull)
	}
	return words
}
