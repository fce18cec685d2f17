package plan

import (
	"fmt"
	"slices"
	"strings"
)

func (j *judgement) checkDatabases() {
	for i, db := range j.p.Databases {
		at := fmt.Sprintf("databases[%d]", i)
		j.refer(at+".service", "service", db.Service, j.services)
		j.refer(at+".data_class", "data class", db.DataClass, j.dataClasses)
		j.text(at+".dbname", db.DBName)
		j.text(at+".superuser", db.Superuser)
		j.text(at+".os_user", db.OSUser)
		if k, ok := j.services[db.Service]; ok && !slices.Contains(j.p.Services[k].Databases, db.Name) {
			j.errorf(at+".service", "add "+db.Name+" to databases of service "+db.Service, "service %s does not list database %s", db.Service, db.Name)
		}
		j.checkCluster(at, db)
		j.checkRoles(at, db)
		j.checkEndpoint(at+".endpoint", db.Endpoint)
		j.checkDatabaseBackup(at+".backup", db)
		j.checkQueries(at, db)
		j.checkObservation(at+".observation", db.Observation)
		j.positive(at+".heartbeat.interval", db.Heartbeat.Interval)
	}
}

// checkCluster judges the servers a database runs on.
func (j *judgement) checkCluster(at string, db Database) {
	primaries, replicas := 0, 0
	regions := map[string]bool{}
	for i, host := range db.Hosts {
		here := fmt.Sprintf("%s.hosts[%d]", at, i)
		j.referHost(here+".host", host.Host)
		if host.Role == DatabasePrimary {
			primaries++
		} else {
			replicas++
		}
		regions[j.hosts[host.Host].Region] = true
		j.absolute(here+".data_dir", host.DataDir)
		j.absolute(here+".bin_dir", host.BinDir)
		j.absolute(here+".workspace", host.Workspace)
		j.absoluteIfSet(here+".socket_dir", host.SocketDir)
		j.absoluteIfSet(here+".config_file", host.ConfigFile)
		j.port(here+".port", host.Port)
		j.port(here+".aside_port", host.AsidePort)
		if strings.Contains(host.Conn, "://") {
			j.errorf(here+".conn", "write libpq keywords: sslmode=verify-full", "conn holds keywords, not a URL").Excerpt = ""
		}
	}
	if primaries != 1 {
		j.errorf(at+".hosts", "give role primary to exactly one host", "database %s has %d primaries", db.Name, primaries)
	}
	if replicas == 0 {
		j.warnf(at+".hosts", "add a replica", "database %s has no replica to read from while it is recovered", db.Name)
	}
	if db.CrossRegionReplica && len(regions) < 2 {
		j.errorf(at+".cross_region_replica", "place a replica at a site of another region", "every host of %s is in one region", db.Name)
	}
}

func (j *judgement) checkRoles(at string, db Database) {
	j.notEmpty(at+".roles", len(db.Roles))
	known := names(j, at+".roles", db.Roles, func(r DatabaseRole) (string, string) { return "name", r.Name })
	for i, role := range db.Roles {
		if role.Name == db.Superuser {
			j.errorf(fmt.Sprintf("%s.roles[%d].name", at, i), "let the application log in as a role of its own",
				"the superuser cannot be fenced: it is what fences")
		}
	}
	for i, name := range db.UnfencedRoles {
		here := fmt.Sprintf("%s.unfenced_roles[%d]", at, i)
		j.text(here, name)
		if _, fenced := known[name]; fenced {
			j.errorf(here, "remove it here, or from roles", "role %s is the application's: it is fenced", name)
		}
	}
	for i, check := range db.Checks {
		if check.Role != "" {
			j.refer(fmt.Sprintf("%s.checks[%d].role", at, i), "role of this database", check.Role, known)
		}
	}
	for i, query := range db.CriticalQueries {
		if query.Role != "" {
			j.refer(fmt.Sprintf("%s.critical_queries[%d].role", at, i), "role of this database", query.Role, known)
		}
	}
}

func (j *judgement) checkEndpoint(at string, e Endpoint) {
	if e.Kind != EndpointPgBouncer {
		if e.Host != "" || e.ConfigFile != "" || e.AdminConn != "" || e.WriterEntry != "" || e.ReaderEntry != "" {
			j.errorf(at, "set kind: pgbouncer, or remove the other keys", "an endpoint of kind none has no settings")
		}
		return
	}
	j.referHost(at+".host", e.Host)
	j.absolute(at+".config_file", e.ConfigFile)
	j.text(at+".admin_conn", e.AdminConn)
	j.text(at+".writer_entry", e.WriterEntry)
	j.text(at+".reader_entry", e.ReaderEntry)
	if e.WriterEntry != "" && e.WriterEntry == e.ReaderEntry {
		j.errorf(at+".reader_entry", "give readers an entry of their own", "readers could not be moved without the writers")
	}
}

func (j *judgement) checkDatabaseBackup(at string, db Database) {
	b := db.Backup
	if !slices.Contains(b.Tiers, Continuous) {
		j.errorf(at+".tiers", "add continuous", "without its log %s cannot be recovered to a point in time", db.Name)
	}
	j.absolute(at+".archive.spool_dir", b.Archive.SpoolDir)
	j.positiveBytes(at+".archive.spool_max", b.Archive.SpoolMax)
	j.positiveBytes(at+".archive.headroom", b.Archive.Headroom)
	j.positiveBytes(at+".archive.max_slot_keep", b.Archive.MaxSlotKeep)
	j.positive(at+".archive.tail_interval", b.Archive.TailInterval)
	j.positive(at+".full_interval", b.FullInterval)
	j.positive(at+".retention", b.Retention)
	if b.MaxIncrements < 0 {
		j.errorf(at+".max_increments", "write 0 for fulls only, or more", "max_increments is negative")
	}
	if b.Retention > 0 && b.FullInterval > b.Retention {
		j.errorf(at+".retention", "write at least "+b.FullInterval.String(), "a full every %s would expire before the next", b.FullInterval)
	}
	for i, s := range j.p.Stores {
		if b.Retention > 0 && s.Lock.Retention > b.Retention {
			j.warnf(fmt.Sprintf("stores[%d].lock.retention", i), "write at most the shortest retention",
				"store %s keeps objects locked for %s, %s keeps sets for %s: expired sets cannot be removed",
				s.Name, s.Lock.Retention, db.Name, b.Retention)
		}
	}
}

func (j *judgement) checkQueries(at string, db Database) {
	j.notEmpty(at+".checks", len(db.Checks))
	names(j, at+".checks", db.Checks, func(c Check) (string, string) { return "name", c.Name })
	names(j, at+".invariants", db.Invariants, func(c Invariant) (string, string) { return "name", c.Name })
	names(j, at+".critical_queries", db.CriticalQueries, func(c CriticalQuery) (string, string) { return "name", c.Name })
	for i, check := range db.Checks {
		here := fmt.Sprintf("%s.checks[%d]", at, i)
		j.text(here+".sql", check.SQL)
		if check.Expect.Op == OpEqual || check.Expect.Op == OpNotEqual {
			continue
		}
		if _, ok := parseNumber(check.Expect.Value); !ok {
			j.errorf(here+".expect.value", "write a number, or compare with = or !=", "%q cannot be ordered", clip(check.Expect.Value))
		}
	}
	if !slices.ContainsFunc(db.Checks, func(c Check) bool { return c.Critical }) {
		j.warnf(at+".checks", "mark the checks that must hold with critical: true", "no check of %s is critical: any recovery would pass", db.Name)
	}
	for i, invariant := range db.Invariants {
		j.text(fmt.Sprintf("%s.invariants[%d].sql", at, i), invariant.SQL)
	}
	for i, query := range db.CriticalQueries {
		here := fmt.Sprintf("%s.critical_queries[%d]", at, i)
		j.text(here+".sql", query.SQL)
		j.positive(here+".max_latency", query.MaxLatency)
	}
}

func (j *judgement) checkObservation(at string, o Observation) {
	j.positive(at+".duration", o.Duration)
	j.positive(at+".max_replica_lag", o.MaxReplicaLag)
	if o.MinTPSRatio <= 0 || o.MinTPSRatio > 1 {
		j.errorf(at+".min_tps_ratio", "write a ratio above 0 and up to 1, such as 0.8", "min_tps_ratio is out of range")
	}
	if o.MaxP95Ratio < 1 || o.MaxP95Ratio > 100 {
		j.errorf(at+".max_p95_ratio", "write a ratio from 1 to 100, such as 1.5", "max_p95_ratio is out of range")
	}
}
