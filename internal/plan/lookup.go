package plan

import (
	"encoding/json"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// GroupAll is the group every plan has: everybody who can be told.
const GroupAll = "all"

// HostPlaces returns every host of every site by name.
func (p *Plan) HostPlaces() map[string]HostPlace {
	out := map[string]HostPlace{}
	for _, site := range p.Sites {
		for _, host := range site.Hosts {
			out[host.Name] = HostPlace{Name: host.Name, Address: host.Address, Site: site.Name, Region: site.Region}
		}
	}
	return out
}

// Database returns a database by name, or NotFound.
func (p *Plan) Database(name string) (Database, error) {
	for _, db := range p.Databases {
		if db.Name == name {
			return db, nil
		}
	}
	return Database{}, p.notFound("database", name)
}

// DatabaseOf returns the only database of a service. InvalidInput where it has
// several, NotFound where it has none.
func (p *Plan) DatabaseOf(service string) (Database, error) {
	var found []Database
	var names []string
	for _, db := range p.Databases {
		if db.Service == service {
			found, names = append(found, db), append(names, db.Name)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Database{}, failure.Invalid("database", "service %s has %d databases: %v", service, len(found), names).WithHint("name one: --database %s", names[0])
	}
	return Database{}, failure.New(failure.NotFound, "the plan knows no service %q with a database", clip(service)).
		WithHint("starter plan check -o json lists the plan's services and databases")
}

// Service returns a service by name, or NotFound.
func (p *Plan) Service(name string) (Service, error) {
	for _, s := range p.Services {
		if s.Name == name {
			return s, nil
		}
	}
	return Service{}, p.notFound("service", name)
}

// Runbook returns the runbook of a scenario, or NotFound.
func (p *Plan) Runbook(scenario string) (Runbook, error) {
	for _, rb := range p.Runbooks {
		if rb.Scenario == scenario {
			return rb, nil
		}
	}
	return Runbook{}, p.notFound("runbook", scenario)
}

func (p *Plan) notFound(what, name string) error {
	return failure.New(failure.NotFound, "the plan has no %s %q", what, clip(name)).
		WithHint("starter plan check %s", p.Name())
}

// Holders returns the IDs of the people who hold any of the roles, each once,
// primaries first within a role.
func (p *Plan) Holders(roles ...string) []string {
	var out []string
	for _, role := range p.Team.Roles {
		if !slices.Contains(roles, role.Name) {
			continue
		}
		for _, id := range []string{role.Primary, role.Backup} {
			if id != "" && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// Addressees resolves names of contacts, groups, roles and people to whom they
// stand for, each once, in order. A name that leads nowhere is NotFound.
func (p *Plan) Addressees(names ...string) ([]Addressee, error) {
	var out []Addressee
	for _, name := range names {
		found, ok := p.resolve(name)
		if !ok {
			return nil, p.notFound("contact, group, role or person", name)
		}
		for _, a := range found {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// resolve looks a name up. Groups hold no groups, so it ends.
func (p *Plan) resolve(name string) ([]Addressee, bool) {
	if members, ok := p.Groups[name]; ok {
		var out []Addressee
		for _, member := range members {
			found, known := p.resolveOne(member)
			if !known {
				return nil, false
			}
			out = append(out, found...)
		}
		return out, true
	}
	return p.resolveOne(name)
}

func (p *Plan) resolveOne(name string) ([]Addressee, bool) {
	for _, c := range p.Contacts {
		if c.Name == name {
			return []Addressee{{ID: c.Name, Name: orElse(c.Title, c.Name), Email: c.Email, Phone: c.Phone}}, true
		}
	}
	ids := p.Holders(name)
	if len(ids) == 0 {
		ids = []string{name}
	}
	var out []Addressee
	for _, person := range p.Team.People {
		if slices.Contains(ids, person.ID) {
			out = append(out, Addressee{ID: person.ID, Name: person.Name, Email: person.Email, Phone: person.Phone})
		}
	}
	return out, len(out) > 0
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

// ForDatabase extracts what a run of one scenario's runbook on one database
// needs. NotFound names what the plan lacks; InvalidInput where the runbook
// does not cover the database's service, or the extract is over
// MaxExtractBytes.
func (p *Plan) ForDatabase(name, scenario string) (Extract, error) {
	db, err := p.Database(name)
	if err != nil {
		return Extract{}, err
	}
	service, err := p.Service(db.Service)
	if err != nil {
		return Extract{}, err
	}
	rb, err := p.Runbook(scenario)
	if err != nil {
		return Extract{}, err
	}
	if !slices.Contains(rb.Services, service.Name) {
		return Extract{}, failure.Invalid("service", "runbook %s does not cover service %s of database %s", scenario, service.Name, name).
			WithHint("add %s to the services of runbook %s", service.Name, scenario)
	}
	return p.extract(db, service, rb)
}

func (p *Plan) extract(db Database, service Service, rb Runbook) (Extract, error) {
	out := Extract{
		PlanHash: p.Hash(), Title: p.Document.Title, Version: p.Document.Version, System: p.Document.System, Owner: p.Document.Owner,
		Database: db, Service: service, Objective: p.effective(service), Runbook: rb,
		People: p.Team.People, Roles: p.Team.Roles, Authority: p.Authority,
		Alert: p.Communication.Alert, ReportTitle: p.Tests.Report.Title, MaxOffset: p.Clock.MaxOffset,
	}
	for _, store := range p.Stores {
		out.Stores = append(out.Stores, store.Name)
	}
	places := p.HostPlaces()
	for _, host := range db.hostNames() {
		out.Hosts = append(out.Hosts, places[host])
	}
	var err error
	if out.Notify, err = p.Addressees(rb.Notify...); err != nil {
		return Extract{}, err
	}
	for _, level := range p.Escalation {
		told, err := p.Addressees(level.Notify...)
		if err != nil {
			return Extract{}, err
		}
		out.Escalation = append(out.Escalation, ResolvedLevel{Level: level.Level, After: level.After, Notify: told})
	}
	return out, out.bound()
}

// hostNames lists the hosts a database names, each once.
func (d Database) hostNames() []string {
	var out []string
	for _, host := range d.Hosts {
		out = append(out, host.Host)
	}
	if d.Endpoint.Host != "" && !slices.Contains(out, d.Endpoint.Host) {
		out = append(out, d.Endpoint.Host)
	}
	return out
}

// Primary returns the host the plan names as primary; ok is false where none is.
func (d Database) Primary() (host DatabaseHost, ok bool) {
	for _, host := range d.Hosts {
		if host.Role == DatabasePrimary {
			return host, true
		}
	}
	return DatabaseHost{}, false
}

// bound refuses an extract that would not fit a payload.
func (e Extract) bound() error {
	raw, err := json.Marshal(e)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode extract")
	}
	if len(raw) > MaxExtractBytes {
		return failure.Invalid("plan", "the part about database %s is %d bytes, over %d", e.Database.Name, len(raw), MaxExtractBytes).
			WithHint("shorten its checks and invariants, or move steps of the runbook out of the plan")
	}
	return nil
}
