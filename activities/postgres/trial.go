package postgres

import (
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// inVain is for how long a backup may fail without getting on before people are asked.
const inVain = 30 * time.Second

// trial is how one attempt at a backup gets on.
type trial struct {
	began time.Time

	mu   sync.Mutex
	seen archive.Progress
	grew time.Time // when it last read or stored more
}

func newTrial() *trial {
	now := time.Now()
	return &trial{began: now, grew: now}
}

// note takes what the archive reports.
func (t *trial) note(p archive.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.BytesDone > t.seen.BytesDone || p.StoredBytes > t.seen.StoredBytes {
		t.grew = time.Now()
	}
	t.seen = p
}

// gotOn reports whether the attempt stored a part that no earlier one had, or still read
// after longer than a backup may fail: where a store is down, an upload has failed by then.
func (t *trial) gotOn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.StoredBytes > 0 || t.grew.Sub(t.began) > inVain
}

// trials remember since when a backup fails. A worker that starts again remembers nothing:
// what interrupted it was no failure of the backup. The zero value is ready.
type trials struct {
	mu      sync.Mutex
	failing map[backupKey]time.Time // the first failure since a trial got on
}

// backupKey is one backup of one run.
type backupKey struct {
	run, database string
	began         time.Time
}

// settle returns err as the activity's: final once attempts have failed for inVain, none of
// which got on. Whoever has it tried again after that begins anew.
func (t *trials) settle(in BackupInput, attempt *trial, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := backupKey{in.Run, in.Database, in.Began.UTC().Round(0)}
	if err == nil || !failure.ClassOf(err).Retryable() {
		delete(t.failing, key)
		return boundary.Out(err)
	}
	since, failing := t.failing[key]
	if !failing || attempt.gotOn() {
		if t.failing == nil {
			t.failing = map[backupKey]time.Time{}
		}
		t.failing[key] = time.Now()
		return boundary.Out(err)
	}
	if time.Since(since) < inVain {
		return boundary.Out(err)
	}
	delete(t.failing, key)
	return boundary.Final(err)
}
