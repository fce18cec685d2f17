package main

import (
	"slices"

	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// controlQueue is where workflows and calls to clouds run.
const controlQueue = "control"

// taskQueues returns the queues this process polls, each once. Names that the
// plan does not know are refused: a mistyped host would poll a queue nobody
// sends to, and look healthy.
func taskQueues(p *plan.Plan, o runOptions) ([]string, error) {
	queues := slices.Clone(o.queues)
	if o.host != "" {
		if !slices.ContainsFunc(p.Sites, func(s plan.Site) bool {
			return slices.ContainsFunc(s.Hosts, func(h plan.Host) bool { return h.Name == o.host })
		}) {
			return nil, failure.Invalid("host", "the plan has no host %q", o.host).WithHint("starter plan check %s", p.Name())
		}
		queues = append(queues, "host."+o.host)
	}
	if o.site != "" {
		if !slices.ContainsFunc(p.Sites, func(s plan.Site) bool { return s.Name == o.site }) {
			return nil, failure.Invalid("site", "the plan has no site %q", o.site).WithHint("starter plan check %s", p.Name())
		}
		queues = append(queues, "site."+o.site)
	}
	if slices.Contains(queues, keys.Queue) && o.keyHolder == "" {
		return nil, failure.Invalid("key-holder", "is needed to answer on the queue %s", keys.Queue).
			WithHint("worker run --plan %s --queues %s --key-holder FILE", p.Name(), keys.Queue)
	}
	slices.Sort(queues)
	queues = slices.Compact(queues)
	if len(queues) == 0 || queues[0] == "" {
		return nil, failure.Invalid("queues", "no task queue to poll").
			WithHint("worker run --plan %s --queues %s, or --host NAME", p.Name(), controlQueue)
	}
	return queues, nil
}
