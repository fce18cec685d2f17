package stack

import (
	"fmt"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// mailDomain is reserved by RFC 2606: no mail to it can ever leave.
const mailDomain = "holdfast.invalid"

// loadPlan reads the plan and finds the database and its hosts in it.
func (s *Stack) loadPlan() error {
	loaded, _, err := plan.Load(s.options.PlanFile)
	if err != nil {
		return err
	}
	s.Plan = loaded
	for i := range loaded.Databases {
		if s.options.Database == "" || loaded.Databases[i].Name == s.options.Database {
			s.database = &loaded.Databases[i]
			break
		}
	}
	if s.database == nil || len(s.database.Roles) == 0 {
		return failure.Invalid("Database", "the plan has no database %q with a role the application logs in with", s.options.Database)
	}
	for i := range s.database.Hosts {
		host := &s.database.Hosts[i]
		if host.Role == plan.DatabasePrimary {
			s.Primary = s.postgresAt(host.Host)
		} else if s.Replica == nil {
			s.Replica = s.postgresAt(host.Host)
		}
	}
	if s.Primary == nil || s.Replica == nil || s.database.Endpoint.Kind != plan.EndpointPgBouncer {
		return failure.Invalid("PlanFile", "database %s needs a primary, a replica and a PgBouncer endpoint", s.database.Name)
	}
	dir := filepath.Join(s.Dir, s.database.Endpoint.Host, "pgbouncer")
	s.Pooler = &Pooler{
		Dir: dir, ConfigFile: filepath.Join(dir, "pgbouncer.ini"),
		Writer: s.database.Endpoint.WriterEntry, Reader: s.database.Endpoint.ReaderEntry,
	}
	return nil
}

func (s *Stack) postgresAt(host string) *Postgres {
	dir := filepath.Join(s.Dir, host)
	return &Postgres{
		Host: host, BinDir: s.postgresBin, Superuser: s.database.Superuser,
		DataDir: filepath.Join(dir, "data"), SocketDir: filepath.Join(dir, "run"), Workspace: filepath.Join(dir, "restore"),
	}
}

// overlay points the plan at this stack. Objectives, gates, roles, checks and
// schedules stay as the plan has them.
func (s *Stack) overlay() {
	db := s.database
	db.OSUser = s.account.name
	for i := range db.Hosts {
		switch db.Hosts[i].Host {
		case s.Primary.Host:
			s.overlayHost(&db.Hosts[i], s.Primary)
		case s.Replica.Host:
			s.overlayHost(&db.Hosts[i], s.Replica)
		}
	}
	for i := range db.Roles {
		db.Roles[i].Password = s.secretRef(db.Roles[i].Name)
	}
	db.Endpoint.ConfigFile = s.Pooler.ConfigFile
	db.Endpoint.AdminConn = fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=pgbouncer sslmode=disable", s.Pooler.Port, poolerAdmin)
	db.Endpoint.AdminPassword = s.secretRef("pgbouncer-admin")
	db.Backup.Archive.SpoolDir = s.spoolDir(s.Primary.Host)
	s.overlayPeople()
	if smtp := s.Plan.Communication.SMTP; smtp != nil {
		*smtp = plan.SMTP{Address: s.Mail.Address, From: smtp.From, TLS: plan.TLSNone}
	}
}

func (s *Stack) overlayHost(host *plan.DatabaseHost, p *Postgres) {
	*host = plan.DatabaseHost{
		Host: host.Host, Role: host.Role, DataDir: p.DataDir, Port: p.Port, SocketDir: p.SocketDir, BinDir: p.BinDir,
		Conn: "sslmode=disable", Password: s.secretRef("superuser"), AsidePort: p.AsidePort, Workspace: p.Workspace,
	}
}

// overlayPeople gives everybody an address at the stack's own mail server.
func (s *Stack) overlayPeople() {
	for i := range s.Plan.Team.People {
		s.Plan.Team.People[i].Email = s.Plan.Team.People[i].ID + "@" + mailDomain
	}
	for i := range s.Plan.Contacts {
		s.Plan.Contacts[i].Email = s.Plan.Contacts[i].Name + "@" + mailDomain
	}
}

// WritePlan writes the overlaid plan again, after a caller changed it, and reads
// it back: what workers load is what was judged.
func (s *Stack) WritePlan() error {
	text, err := yaml.Marshal(s.Plan)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "write the plan as YAML")
	}
	s.PlanFile = filepath.Join(s.Dir, "plan.yaml")
	if err := s.write(s.PlanFile, string(text), 0o644); err != nil {
		return err
	}
	judged, _, err := plan.Load(s.PlanFile)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "the plan as overlaid by the stack")
	}
	s.Plan = judged
	for i := range judged.Databases {
		if judged.Databases[i].Name == s.database.Name {
			s.database = &judged.Databases[i]
		}
	}
	return nil
}

// Database is the plan's database that this stack serves.
func (s *Stack) Database() plan.Database { return *s.database }
