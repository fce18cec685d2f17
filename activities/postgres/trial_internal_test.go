package postgres

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// bout is attempts at one backup, one after another, in one worker.
type bout struct {
	t      *testing.T
	trials trials
	in     BackupInput
}

// fails has an attempt of that length fail that reported got, and compares whether people are asked.
func (b *bout) fails(took time.Duration, asked bool, got ...archive.Progress) {
	b.t.Helper()
	b.in.Warrant = &warrant.Warrant{} // each attempt decodes its own
	attempt := newTrial()
	<-time.After(took)
	for _, p := range got {
		attempt.note(p)
	}
	err := b.trials.settle(b.in, attempt, failure.New(failure.Unavailable, "store far did not answer"))
	var applied *temporal.ApplicationError
	if !errors.As(err, &applied) || applied.Type() != string(failure.Unavailable) || applied.NonRetryable() != asked {
		b.t.Errorf("asked: %v, want %v: %v", !asked, asked, err)
	}
}

// TestABackupInVainIsPutToPeopleSoon: after half a minute of failing, and again only after
// as long once they had it tried again.
func TestABackupInVainIsPutToPeopleSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bout{t: t}
		read := archive.Progress{BytesDone: 64 << 20} // into memory, and no further
		for range 2 {
			b.fails(20*time.Second, false, read)
			b.fails(10*time.Second, false, read)
			b.fails(19*time.Second, false, read)
			b.fails(time.Second, true)
		}
	})
}

// TestInterruptionsOfALongBackupDoNotAddUp: each attempt stored something, or read for
// long, and what then interrupts it is tried again; so is another backup's.
func TestInterruptionsOfALongBackupDoNotAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bout{t: t}
		for range 12 {
			b.fails(time.Hour, false, archive.Progress{BytesDone: 1 << 40, StoredBytes: 1})
			b.fails(time.Hour, false, archive.Progress{BytesDone: 1 << 40})
		}
		b.in.Began = time.Now()
		b.fails(time.Minute, false)
		if err := b.trials.settle(b.in, newTrial(), nil); err != nil {
			t.Error(err)
		}
		b.fails(time.Minute, false)
	})
}
