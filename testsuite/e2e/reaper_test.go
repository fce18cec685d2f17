package e2e_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/relay"
)

// notice is how soon Temporal gives up a dead worker's step in a test that kills.
const notice = time.Second

// noticing shortens the time after which the plan counts a silent worker as dead.
func noticing(o *scenario.Options) {
	o.Change = func(p *plan.Plan) {
		for i := range p.Runbooks {
			p.Runbooks[i].NoticeDeadWorker = plan.Duration(notice)
		}
	}
}

// begun is how long a worker works on a step before it is killed. One that is done
// sooner is killed as it reports that it is: the report does not arrive.
const begun = 20 * time.Millisecond

// reaper kills every worker with SIGKILL at each step it is given, once, and
// starts it again. Steps that are under way side by side die together.
type reaper struct {
	house  *house
	t      *testing.T
	middle map[string]func() (bool, error) // by activity: what tells that it is in the middle, where it is killed then

	mu     sync.Mutex
	killed map[string]int // by step, how often a worker died at it
	kills  sync.WaitGroup
}

// newReaper puts a relay before each worker. One of two control workers does what
// workflows decide, the other their activities: a worker that decides is missed
// for longer than one that works, and its death is a test of its own.
func newReaper(t *testing.T, h *house, middle map[string]func() (bool, error)) *reaper {
	t.Helper()
	r := &reaper{house: h, t: t, middle: middle, killed: map[string]int{}}
	const second = "control-activities"
	names := []string{second}
	for name := range h.Workers {
		names = append(names, name)
	}
	for _, name := range names {
		v := &victim{reaper: r, name: name, working: map[string]bool{}}
		options := relay.Options{
			Temporal: h.Temporal.Address, NoActivities: name == "control", NoWorkflows: name == second, Given: v.given, Ended: v.ended,
		}
		between, err := relay.Start(h.ctx, options)
		h.must(t, err)
		t.Cleanup(func() { h.must(t, between.Close()) })
		h.Temporal.Via[name] = between.Address
		if name == second {
			h.must(t, h.StartControl(h.ctx, name))
		} else {
			h.must(t, h.Restart(h.ctx, name))
		}
	}
	return r
}

// victim is one worker as its relay sees it.
type victim struct {
	*reaper
	name string

	mu      sync.Mutex
	working map[string]bool // steps it was given and has not ended
	dying   chan struct{}   // nil: it lives; closed to kill it at once
	hurried bool            // dying is closed
}

// given decides whether the worker dies at this task.
func (v *victim) given(task relay.Task) {
	v.mu.Lock()
	defer v.mu.Unlock()
	step := stepOf(task.Type, task.ID)
	v.working[step] = true
	if v.dying != nil || v.deaths(step) > 0 {
		return
	}
	v.dying, v.hurried = make(chan struct{}), false
	v.kills.Add(1)
	go v.die(task, v.dying)
}

// ended lets a report pass, unless the worker is to die.
func (v *victim) ended(task relay.Task) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dying == nil {
		delete(v.working, stepOf(task.Type, task.ID))
		return true
	}
	if !v.hurried {
		v.hurried = true
		close(v.dying)
	}
	return false
}

// die kills the worker when task has begun, or is in its middle, and starts it again.
func (v *victim) die(task relay.Task, now <-chan struct{}) {
	defer v.kills.Done()
	if middle, ok := v.middle[task.Type]; ok {
		v.house.await(v.t, "the middle of "+task.ID, middle)
	} else {
		select {
		case <-now:
		case <-time.After(begun):
		}
	}
	v.house.Workers[v.name].Kill()
	v.buried()
	if err := v.house.Restart(v.house.ctx, v.name); err != nil {
		v.t.Errorf("start worker %s again: %v", v.name, err)
	}
}

// buried notes at which steps the worker died.
func (v *victim) buried() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reaper.mu.Lock()
	defer v.reaper.mu.Unlock()
	for step := range v.working {
		v.killed[step]++
	}
	v.t.Logf("worker %s is killed at %v", v.name, keysOf(v.working))
	v.working, v.dying = map[string]bool{}, nil
}

func (r *reaper) deaths(step string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.killed[step]
}

// stepOf names a step: activities that keep the run's own record have no name of
// their own, only a number, and go by their type.
func stepOf(activity, id string) string {
	if strings.Trim(id, "0123456789") == "" {
		return activity
	}
	return id
}

func keysOf(set map[string]bool) (keys []string) {
	for key := range set {
		keys = append(keys, key)
	}
	return keys
}
