package walship

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
)

// sampleEvery is how often the throughput is noted.
const sampleEvery = 5 * time.Second

// sample notes how much the database has committed, beside the heartbeats: what it
// did before a damage is what a recovery is compared with. One that cannot be taken
// costs nothing but itself: a table that is not there yet, statistics that do not
// come. The comparison then says that too little was counted.
func (h *heart) sample(ctx context.Context) {
	if time.Since(h.lastSample) < sampleEvery {
		return
	}
	h.lastSample = time.Now()
	_ = heartbeat.TakeSample(ctx, h.session) // see above
}
