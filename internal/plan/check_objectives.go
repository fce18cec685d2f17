package plan

import (
	"fmt"
	"slices"
	"strings"
)

func (j *judgement) checkDocument() {
	d := j.p.Document
	j.text("document.title", d.Title)
	j.text("document.system", d.System)
	j.text("document.version", d.Version)
	j.text("document.owner", d.Owner)
	j.notEmpty("document.approved_by", len(d.ApprovedBy))
}

func (j *judgement) checkObjectives() {
	o := j.p.Objectives
	for i, class := range o.ServiceClasses {
		j.positive(fmt.Sprintf("objectives.service_classes[%d].rto", i), class.RTO)
	}
	for i, class := range o.DataClasses {
		if !class.RPO.Stated() {
			j.errorf(fmt.Sprintf("objectives.data_classes[%d].rpo", i), `write a duration, or "none"`, "rpo is empty")
		}
	}
	j.notEmpty("objectives.service_classes", len(o.ServiceClasses))
	j.notEmpty("objectives.data_classes", len(o.DataClasses))
	for _, level := range Level("").Values() {
		if _, ok := j.levels[level]; !ok {
			j.errorf("priorities", "add a priority with level "+level, "priority %s is missing", level)
		}
	}
	for i, rank := range j.p.Priorities {
		at := fmt.Sprintf("priorities[%d]", i)
		j.positive(at+".rto", rank.RTO)
		j.positive(at+".rpo", max(0, Duration(rank.RPO)))
		j.checkRankOrder(at, rank)
	}
	j.positive("clock.max_offset", j.p.Clock.MaxOffset)
}

// checkRankOrder warns of a rank promised to be back before a more urgent one.
func (j *judgement) checkRankOrder(at string, rank Priority) {
	for _, other := range j.p.Priorities {
		if other.Level < rank.Level && other.RTO > rank.RTO {
			j.warnf(at+".rto", "raise it, or lower that of "+string(other.Level),
				"%s is promised back in %s, before the more urgent %s in %s", rank.Level, rank.RTO, other.Level, other.RTO)
		}
	}
}

func (j *judgement) checkServices() {
	j.notEmpty("services", len(j.p.Services))
	for i, s := range j.p.Services {
		at := fmt.Sprintf("services[%d]", i)
		j.refer(at+".priority", "priority", string(s.Priority), j.levels)
		if s.Class != "" {
			j.refer(at+".class", "service class", s.Class, j.serviceClasses)
		}
		j.referAll(at+".databases", "database", s.Databases, j.databases)
		j.referAll(at+".caches", "cache", s.Caches, j.caches)
		j.referAll(at+".sources", "source", s.Sources, j.sources)
		j.checkNeeds(at+".depends_on", s)
		j.checkConflicts(at, s)
	}
}

func (j *judgement) checkNeeds(at string, s Service) {
	known := map[string]int{}
	for name, i := range j.services {
		known[name] = i
	}
	if j.p.DNS != nil {
		known[ComponentDNS] = 0
	}
	if len(j.p.Images.Registries) > 0 {
		known[ComponentRegistry] = 0
	}
	j.referAll(at, "service or component", s.DependsOn, known)
	for i, need := range s.DependsOn {
		other, ok := j.services[need]
		if !ok {
			continue
		}
		theirs, ours := j.p.effective(j.p.Services[other]), j.p.effective(s)
		if theirs.RTO > ours.RTO {
			j.warnf(fmt.Sprintf("%s[%d]", at, i), "give "+need+" the priority of what waits for it",
				"%s must be back in %s but waits for %s, promised in %s; %s is recovered as urgently as %s",
				s.Name, ours.RTO, need, theirs.RTO, need, s.Name)
		}
	}
}

// checkConflicts warns where the plan promises two things of one service.
func (j *judgement) checkConflicts(at string, s Service) {
	holds := j.p.effective(s)
	var rto, rpo []string
	for _, c := range j.p.claims(s) {
		if c.rto > 0 && c.rto != holds.RTO {
			rto = append(rto, c.from+" says "+c.rto.String())
		}
		if c.rpo.Bounded() && c.rpo != holds.RPO {
			rpo = append(rpo, c.from+" says "+c.rpo.String())
		}
	}
	if len(rto) > 0 {
		j.warnf(at, "make the plan say one thing, or leave it: nothing is lost by the stricter",
			"recovery time of %s: %s; the stricter %s of %s holds", s.Name, strings.Join(rto, ", "), holds.RTO, holds.RTOFrom)
	}
	if len(rpo) > 0 {
		j.warnf(at, "make the plan say one thing, or leave it: nothing is lost by the stricter",
			"recovery point of %s: %s; the stricter %s of %s holds", s.Name, strings.Join(rpo, ", "), holds.RPO, holds.RPOFrom)
	}
}

// checkBackups demands a backup of every service, often enough for its objective.
func (j *judgement) checkBackups() {
	for i, s := range j.p.Services {
		if len(s.Databases) == 0 && len(s.Sources) == 0 {
			j.errorf(fmt.Sprintf("services[%d]", i), "list the databases or sources it is rebuilt from; its configuration is one",
				"service %s has no backup", s.Name)
		}
	}
	for i, db := range j.p.Databases {
		at := fmt.Sprintf("databases[%d]", i)
		rpo, from := j.p.dataRPO(db.DataClass, func(s Service) bool { return slices.Contains(s.Databases, db.Name) || s.Name == db.Service })
		tail := db.Backup.Archive.TailInterval
		if rpo.Bounded() && Duration(rpo) < tail {
			j.errorf(at+".backup.archive.tail_interval", "write at most "+rpo.String(),
				"%s may lose at most %s (%s), but its log is shipped every %s", db.Name, rpo, from, tail)
		}
		j.checkTiers(at+".backup.tiers", db.Name, db.Backup.Tiers, rpo, from)
	}
	for i, source := range j.p.Sources {
		rpo, from := j.p.dataRPO(source.DataClass, func(s Service) bool { return slices.Contains(s.Sources, source.Name) })
		j.checkTiers(fmt.Sprintf("sources[%d].tiers", i), source.Name, source.Tiers, rpo, from)
	}
	for i, cache := range j.p.Caches {
		rpo, from := j.p.dataRPO(cache.DataClass, func(s Service) bool { return slices.Contains(s.Caches, cache.Name) })
		if len(cache.Tiers) > 0 || rpo.Bounded() {
			j.checkTiers(fmt.Sprintf("caches[%d].tiers", i), cache.Name, cache.Tiers, rpo, from)
		}
	}
}

// checkTiers demands a schedule for every tier, and one tier as short as the objective.
func (j *judgement) checkTiers(at, name string, tiers []Tier, rpo RPO, from string) {
	shortest := Duration(maxDuration)
	for i, tier := range tiers {
		here := fmt.Sprintf("%s[%d]", at, i)
		index, ok := j.schedules[string(tier)]
		switch {
		case !ok:
			j.errorf(here, "add a schedule with tier "+string(tier), "there is no schedule for the %s tier", tier)
		case slices.Index(tiers, tier) < i:
			j.errorf(here, "remove it", "tier %s is listed twice", tier)
		default:
			shortest = min(shortest, j.p.Schedules[index].Interval)
		}
	}
	if len(tiers) == 0 {
		j.errorf(at, "list the tiers that back it up", "%s has no backup", name)
		return
	}
	if rpo.Bounded() && Duration(rpo) < shortest {
		j.errorf(at, "add a tier that runs at least every "+rpo.String(),
			"%s may lose at most %s (%s), but is backed up every %s", name, rpo, from, shortest)
	}
}

// checkOrder demands that services do not wait for one another in a circle.
func (j *judgement) checkOrder() {
	for _, s := range j.p.Services {
		for _, need := range s.DependsOn {
			if _, ok := j.services[need]; !ok && need != ComponentDNS && need != ComponentRegistry {
				return // already reported as a name that leads nowhere
			}
		}
	}
	if _, err := j.p.RecoveryOrder(); err != nil {
		j.errorf("services", "remove one of these dependencies", "%s", messageOf(err))
	}
}
