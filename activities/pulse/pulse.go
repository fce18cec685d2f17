package pulse

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// Interval is the longest time between two beats. Where an activity's heartbeat
// timeout is short, beats are as frequent as it needs; see interval.
const Interval = 5 * time.Second

// Pulse is one activity's heartbeat.
type Pulse struct {
	shared *Pulse // the worker's own beat for this activity; nil: this is one
	mu     sync.Mutex
	latest any
	stop   context.CancelFunc
	done   chan struct{}
}

// carried is the key under which an activity's context carries its worker's beat.
type carried struct{}

// Start returns the heartbeat of an activity: the one its worker keeps (see
// Interceptor), or one of its own that beats at once, until Stop or until ctx ends.
func Start(ctx context.Context) *Pulse {
	if own, ok := ctx.Value(carried{}).(*Pulse); ok {
		return &Pulse{shared: own}
	}
	return begin(ctx, 0)
}

// begin beats from after on, every interval, until Stop. Outside an activity it
// does nothing.
func begin(ctx context.Context, after time.Duration) *Pulse {
	p := &Pulse{done: make(chan struct{}), stop: func() {}}
	if !activity.IsActivity(ctx) {
		close(p.done)
		return p
	}
	beating, cancel := context.WithCancel(ctx)
	p.stop = cancel
	go p.beat(ctx, beating, after)
	return p
}

// interval is how often an activity beats that is given up after timeout without
// a beat: four times in that time, and at least every Interval.
func interval(timeout time.Duration) time.Duration {
	if timeout <= 0 {
		return Interval
	}
	return min(timeout/4, Interval)
}

// Report sets the progress that the next beats carry. It never blocks for long,
// and may be called from anywhere.
func (p *Pulse) Report(progress any) {
	if p.shared != nil {
		p.shared.Report(progress)
		return
	}
	p.mu.Lock()
	p.latest = progress
	p.mu.Unlock()
}

// Stop ends the beat and waits for the last one. Twice is harmless. A beat that
// the worker keeps goes on until the activity has returned.
func (p *Pulse) Stop() {
	if p.shared != nil {
		return
	}
	p.stop()
	<-p.done
}

// beat records on ctx, the activity's own, and ends with beating: a beat under way
// when the work is done is finished, not canceled with a warning.
func (p *Pulse) beat(ctx, beating context.Context, after time.Duration) {
	defer close(p.done)
	timer := time.NewTimer(after)
	defer timer.Stop()
	for {
		select {
		case <-beating.Done():
			return
		case <-timer.C:
		}
		p.record(ctx)
		timer.Reset(interval(activity.GetInfo(ctx).HeartbeatTimeout))
	}
}

func (p *Pulse) record(ctx context.Context) {
	p.mu.Lock()
	latest := p.latest
	p.mu.Unlock()
	if latest == nil {
		activity.RecordHeartbeat(ctx)
		return
	}
	activity.RecordHeartbeat(ctx, latest)
}
