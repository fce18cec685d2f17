package walship

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// A gap is asked about once a minute, whatever was archived meanwhile, and streaming
// waits for no answer.
func TestGapIsAskedAboutBesideTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const turn, turns = 100 * time.Millisecond, 3000 // five minutes
		near := &memory.Slow{Store: memory.New("near", time.Now)}
		near.Mute.Store(true)
		tl := gapTail(near, 3)
		path := wal.History{Timeline: 1}.Path()
		began := time.Now()
		for range turns {
			tl.lookAtGap(t.Context(), path)
			if !pause(t.Context(), turn) {
				t.Fatal("the test is over")
			}
		}
		if took := time.Since(began); took != turns*turn {
			t.Errorf("%d turns took %s, want %s", turns, took, turns*turn)
		}
		if got := near.Pages.Load(); got < 5 || got > 6 {
			t.Errorf("asked %d times in %s", got, turns*turn)
		}
		if !tl.gap.open() || len(tl.report.standing()) != 1 {
			t.Error("the gap is closed although no store said so")
		}
		archiveSegment(t, near, tl, 3)
		near.Mute.Store(false)
		for range 700 {
			tl.lookAtGap(t.Context(), path)
			if !pause(t.Context(), turn) {
				t.Fatal("the test is over")
			}
		}
		if tl.gap.open() || len(tl.report.standing()) != 0 {
			t.Errorf("the gap stands, %d alarms", len(tl.report.standing()))
		}
	})
}

// A gap whose first segment is archived before stores were asked needs no minute.
func TestGapIsLookedAtOnceItsSegmentIsArchived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near := &memory.Slow{Store: memory.New("near", time.Now)}
		tl := gapTail(near, 4)
		path := wal.History{Timeline: 1}.Path()
		tl.lookAtGap(t.Context(), path)
		archiveSegment(t, near, tl, 4)
		tl.lookAtGap(t.Context(), path)
		synctest.Wait()
		tl.lookAtGap(t.Context(), path)
		if tl.gap.open() || near.Pages.Load() != 1 {
			t.Errorf("the gap stands after %d listings", near.Pages.Load())
		}
	})
}

// gapTail is a tail that lacks one segment, which was archived where it is 3.
func gapTail(near store.Store, lacking wal.LSN) *tail {
	tl := &tail{settings: settings.Settings{SegmentSizeBytes: testSegment}, meter: &meter{}, report: newReporter(zap.NewNop(), nil)}
	tl.archiver = &Archiver{place: place{source: "orders", system: 7, size: testSegment}, shelves: []*shelf{{Store: near}}}
	tl.archiver.recent.add(wal.Segment{Timeline: 1, Number: 3}, time.Now())
	tl.gap = gap{from: lacking * testSegment, to: (lacking + 1) * testSegment, since: time.Now(), looked: time.Now()}
	tl.report.raise(EventTailGap, "", tl.gap.from.String(), "WAL is missing")
	return tl
}

// archiveSegment puts something under the name of an archived segment.
func archiveSegment(t *testing.T, into store.Store, tl *tail, number uint64) {
	t.Helper()
	content, seg := strings.Repeat("sealed", 100), wal.Segment{Timeline: 1, Number: number}
	p := tl.archiver.place
	key := p.fileKey(wal.FileName{Kind: wal.FileSegment, Segment: seg, Timeline: 1}, p.size.Name(seg), []byte(content))
	_, err := into.Put(t.Context(), key, strings.NewReader(content), store.PutOptions{SizeBytes: int64(len(content)), SHA256: store.DigestOf([]byte(content))})
	if err != nil {
		t.Fatal(err)
	}
	tl.archiver.recent.add(seg, time.Now())
}
