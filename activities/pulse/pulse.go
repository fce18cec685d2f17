package pulse

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// every is well below the shortest heartbeat timeout of the runbook kit (30 s).
const every = 5 * time.Second

// Pulse is one activity's heartbeat.
type Pulse struct {
	mu     sync.Mutex
	latest any
	stop   context.CancelFunc
	done   chan struct{}
}

// Start begins to beat until Stop, or until ctx ends.
func Start(ctx context.Context) *Pulse {
	p := &Pulse{done: make(chan struct{}), stop: func() {}}
	if !activity.IsActivity(ctx) {
		close(p.done)
		return p
	}
	beating, cancel := context.WithCancel(ctx)
	p.stop = cancel
	go p.beat(ctx, beating)
	return p
}

// Report sets the progress that the next beats carry. It never blocks for long,
// and may be called from anywhere.
func (p *Pulse) Report(progress any) {
	p.mu.Lock()
	p.latest = progress
	p.mu.Unlock()
}

// Stop ends the beat and waits for the last one. Twice is harmless.
func (p *Pulse) Stop() {
	p.stop()
	<-p.done
}

// beat records on ctx, the activity's own, and ends with beating: a beat under way
// when the work is done is finished, not canceled with a warning.
func (p *Pulse) beat(ctx, beating context.Context) {
	defer close(p.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		p.mu.Lock()
		latest := p.latest
		p.mu.Unlock()
		if latest == nil {
			activity.RecordHeartbeat(ctx)
		} else {
			activity.RecordHeartbeat(ctx, latest)
		}
		select {
		case <-beating.Done():
			return
		case <-ticker.C:
		}
	}
}
