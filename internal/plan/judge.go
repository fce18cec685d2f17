package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Use says what a plan is judged for.
type Use string

// Uses of a plan.
const (
	// ForReading judges the text alone: what a plan must be to be checked in.
	ForReading Use = "reading"
	// ForRunning also demands what a run needs and a published plan may leave
	// out: keys of the people whose approval a gate waits for, and of the hosts
	// whose backups are to be believed.
	ForRunning Use = "running"
)

// Check judges p again, for a use; positions are known where p was read from a
// file. Parse has already judged ForReading.
func (p *Plan) Check(use Use) Findings {
	r := newReader(p.source.name, nil)
	if p.source.positions != nil {
		r.lines, r.positions = p.source.lines, p.source.positions
	}
	judge(p, r, use)
	return r.done()
}

// judgement is one judging of one plan.
type judgement struct {
	*reader
	p   *Plan
	use Use

	levels, serviceClasses, dataClasses              map[string]int
	services, sites, stores                          map[string]int
	databases, caches, sources                       map[string]int
	people, roles, contacts, schedules, scenarioList map[string]int
	hosts                                            map[string]HostPlace
}

// judge reports everything wrong with a plan that was read whole.
func judge(p *Plan, r *reader, use Use) {
	j := &judgement{reader: r, p: p, use: use}
	j.index()
	for _, check := range []func(){
		j.checkDocument, j.checkObjectives, j.checkServices, j.checkBackups, j.checkOrder,
		j.checkSites, j.checkDelivery, j.checkStores, j.checkEncryption, j.checkSchedules,
		j.checkDatabases, j.checkDirectories, j.checkCaches, j.checkSources, j.checkTeam,
		j.checkAuthority, j.checkContacts, j.checkCommunication, j.checkRunbooks,
		j.checkTests, j.checkSecrets,
	} {
		check()
	}
}

// index names everything that can be referred to, and reports what has two
// bearers of one name.
func (j *judgement) index() {
	p := j.p
	j.levels = names(j, "priorities", p.Priorities, func(v Priority) (string, string) { return "level", string(v.Level) })
	j.serviceClasses = names(j, "objectives.service_classes", p.Objectives.ServiceClasses,
		func(v ServiceClass) (string, string) { return "name", v.Name })
	j.dataClasses = names(j, "objectives.data_classes", p.Objectives.DataClasses,
		func(v DataClass) (string, string) { return "name", v.Name })
	j.services = names(j, "services", p.Services, func(v Service) (string, string) { return "name", v.Name })
	j.sites = names(j, "sites", p.Sites, func(v Site) (string, string) { return "name", v.Name })
	j.stores = names(j, "stores", p.Stores, func(v Store) (string, string) { return "name", v.Name })
	j.databases = names(j, "databases", p.Databases, func(v Database) (string, string) { return "name", v.Name })
	j.caches = names(j, "caches", p.Caches, func(v Cache) (string, string) { return "name", v.Name })
	j.sources = names(j, "sources", p.Sources, func(v Source) (string, string) { return "name", v.Name })
	j.people = names(j, "team.people", p.Team.People, func(v Person) (string, string) { return "id", v.ID })
	j.roles = names(j, "team.roles", p.Team.Roles, func(v Role) (string, string) { return "name", v.Name })
	j.contacts = names(j, "contacts", p.Contacts, func(v Contact) (string, string) { return "name", v.Name })
	j.schedules = names(j, "schedules", p.Schedules, func(v Schedule) (string, string) { return "tier", string(v.Tier) })
	j.scenarioList = names(j, "runbooks", p.Runbooks, func(v Runbook) (string, string) { return "scenario", v.Scenario })
	names(j, "risks", p.Risks, func(v Risk) (string, string) { return "name", v.Name })
	j.hosts = p.HostPlaces()
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$|^P[1-4]$`)

// names indexes a list by the name of its entries. Names become parts of keys,
// paths, queues and workflow IDs, hence the narrow alphabet.
func names[T any](j *judgement, path string, list []T, of func(T) (key, name string)) map[string]int {
	index := map[string]int{}
	for i, entry := range list {
		key, name := of(entry)
		at := fmt.Sprintf("%s[%d].%s", path, i, key)
		if !nameForm.MatchString(name) || strings.Contains(name, "..") {
			j.errorf(at, "use up to 63 lower-case letters, digits, dots, dashes and underscores",
				"%q cannot be a name", clip(name))
		}
		if first, taken := index[name]; taken {
			j.errorf(at, "rename or remove one", "%q is already %s[%d]", clip(name), path, first)
			continue
		}
		index[name] = i
	}
	return index
}

// refer demands that name is in an index.
func (j *judgement) refer(at, what, name string, index map[string]int) {
	if _, ok := index[name]; !ok {
		j.errorf(at, suggest(name, index), "there is no %s %q in this plan", what, clip(name))
	}
}

// referAll demands that every name of a list is in an index, once.
func (j *judgement) referAll(at, what string, list []string, index map[string]int) {
	for i, name := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		j.refer(here, what, name, index)
		if slices.Index(list, name) < i {
			j.errorf(here, "remove it", "%s is listed twice", clip(name))
		}
	}
}

func (j *judgement) referHost(at, name string) {
	if _, ok := j.hosts[name]; !ok {
		j.errorf(at, suggest(name, j.hosts), "there is no host %q at any site of this plan", clip(name))
	}
}

func suggest[V any](name string, index map[string]V) string {
	known := sortedKeys(index)
	if len(known) == 0 {
		return "declare it first"
	}
	fix := "known: " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		fix = "did you mean " + near + "? " + fix
	}
	return fix
}
