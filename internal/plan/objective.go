package plan

import "github.com/terragonlabs/holdfast/internal/failure"

// claim is one objective and the part of the plan that states it.
type claim struct {
	from string
	rto  Duration
	rpo  RPO
}

// Objective returns what holds for a service: of every objective that speaks of
// it, the strictest. NotFound where the plan has no such service.
func (p *Plan) Objective(service string) (Effective, error) {
	for _, s := range p.Services {
		if s.Name == service {
			return p.effective(s), nil
		}
	}
	return Effective{}, failure.New(failure.NotFound, "the plan has no service %q", clip(service)).
		WithHint("starter plan check %s", p.Name())
}

func (p *Plan) effective(s Service) Effective {
	var out Effective
	for _, c := range p.claims(s) {
		if c.rto > 0 && (out.RTO == 0 || c.rto < out.RTO) {
			out.RTO, out.RTOFrom = c.rto, c.from
		}
		if stricter(c.rpo, out.RPO) {
			out.RPO, out.RPOFrom = c.rpo, c.from
		}
	}
	return out
}

// stricter reports whether a is a narrower bound than b. Any bound is stricter
// than none, and "none" is stricter than silence.
func stricter(a, b RPO) bool {
	switch {
	case !a.Stated():
		return false
	case !b.Stated():
		return true
	case !a.Bounded():
		return false
	default:
		return !b.Bounded() || a < b
	}
}

// claims lists every objective that speaks of a service.
func (p *Plan) claims(s Service) []claim {
	out := []claim{{from: "service " + s.Name, rto: s.RTO, rpo: s.RPO}}
	for _, rank := range p.Priorities {
		if rank.Level == s.Priority {
			out = append(out, claim{from: "priority " + string(rank.Level), rto: rank.RTO, rpo: rank.RPO})
		}
	}
	for _, class := range p.Objectives.ServiceClasses {
		if class.Name == s.Class {
			out = append(out, claim{from: "service class " + class.Name, rto: class.RTO})
		}
	}
	used := p.dataClassesOf(s)
	for _, class := range p.Objectives.DataClasses {
		if used[class.Name] {
			out = append(out, claim{from: "data class " + class.Name, rpo: class.RPO})
		}
	}
	return out
}

// dataClassesOf names the classes of everything a service keeps data in.
func (p *Plan) dataClassesOf(s Service) map[string]bool {
	used := map[string]bool{}
	for _, db := range p.Databases {
		if contains(s.Databases, db.Name) {
			used[db.DataClass] = true
		}
	}
	for _, cache := range p.Caches {
		if contains(s.Caches, cache.Name) {
			used[cache.DataClass] = true
		}
	}
	for _, source := range p.Sources {
		if contains(s.Sources, source.Name) {
			used[source.DataClass] = true
		}
	}
	return used
}

// dataRPO is the strictest objective for one data set: its class's, and that of
// every service that keeps data in it.
func (p *Plan) dataRPO(class string, uses func(Service) bool) (RPO, string) {
	var out RPO
	var from string
	for _, c := range p.Objectives.DataClasses {
		if c.Name == class {
			out, from = c.RPO, "data class "+c.Name
		}
	}
	if out == AcceptableLoss {
		return out, from // loss of this data harms no service's objective
	}
	for _, s := range p.Services {
		if !uses(s) {
			continue
		}
		if e := p.effective(s); stricter(e.RPO, out) {
			out, from = e.RPO, "service "+s.Name+" ("+e.RPOFrom+")"
		}
	}
	return out, from
}
