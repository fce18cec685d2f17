package walship

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// look asks stores how far they hold some segments. Each is first asked for whole
// segments, of which a page of a listing names hundreds, and then for the pieces of
// those that are held whole by too few: one segment, then two, then four, for pieces
// are many and mostly those of the last segment matter. No store waits for another.
type look struct {
	holding

	ranges  []wal.Range // in the order of the path; not empty
	until   wal.LSN     // what lies behind is not asked about
	known   *builder    // what was listed
	at      wal.Segment // first that is not held; of ranges[first]
	first   int
	reached wal.LSN // first position that is not held
	next    []ask   // by store
}

// ask is where the conversation with one store stands.
type ask struct {
	listed bool // whole segments were
	busy   bool
	err    error
	pieces int         // of how many segments it was asked for pieces last
	behind wal.Segment // the last one whose pieces it was asked for
}

// answer is what one store said.
type answer struct {
	from int
	shelfList
}

// run asks until all is held or no store has more to say, and returns why one did not
// say all.
func (l *look) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(l.Stores)) // one each: nobody waits for a look that is over
	l.at = wal.Segment{Timeline: l.ranges[0].Timeline, Number: l.ranges[0].First}
	for {
		busy := 0
		for i := range l.Stores {
			l.askNext(ctx, i, answers)
			if l.next[i].busy {
				busy++
			}
		}
		if busy == 0 {
			return l.problems()
		}
		told := <-answers
		asked := &l.next[told.from]
		asked.busy, asked.err = false, told.err
		l.known.addShelf(told.from, &told.shelfList)
		if l.advance(); l.first == len(l.ranges) {
			return nil
		}
	}
}

func (l *look) problems() error {
	var problems []error
	for _, one := range l.next {
		if one.err != nil {
			problems = append(problems, one.err)
		}
	}
	return joinProblems(problems)
}

// advance steps over what is held.
func (l *look) advance() {
	for ; l.first < len(l.ranges); l.first++ {
		run := l.ranges[l.first]
		if l.at.Timeline != run.Timeline {
			l.at = wal.Segment{Timeline: run.Timeline, Number: run.First}
		}
		for ; l.at.Number <= run.Last; l.at.Number++ {
			l.reached = l.reach(l.known, l.at)
			if l.reached < min(l.until, l.SegmentSize.Start(l.at.Next())) {
				return
			}
		}
	}
}

// askNext asks a store what it was not asked yet, in the background, unless it is
// being asked, did not answer, or has nothing to tell of the first segment that lacks.
func (l *look) askNext(ctx context.Context, i int, answers chan<- answer) {
	one, from := &l.next[i], attentive{l.Stores[i]}
	if one.busy || one.err != nil {
		return
	}
	list := func(into *shelfList) error { return into.wholeOf(ctx, l.place(), from, l.ranges) }
	if one.listed {
		if compareSegments(l.at, one.behind) <= 0 || l.SegmentSize.Start(l.at) >= l.pieces {
			return
		}
		one.pieces = max(1, 2*one.pieces)
		run := l.lacking(one.pieces)
		one.behind = wal.Segment{Timeline: run.Timeline, Number: run.Last}
		list = func(into *shelfList) error { return into.piecesOf(ctx, l.place(), from, run) }
	}
	one.listed, one.busy = true, true
	go func() {
		told := answer{from: i}
		told.err = list(&told.shelfList)
		answers <- told
	}()
}

// lacking returns the first segments that too few stores hold whole, as many as lie
// together, and no more than most.
func (l *look) lacking(most int) wal.Range {
	run := wal.Range{Timeline: l.at.Timeline, First: l.at.Number, Last: l.at.Number}
	for run.Last < l.ranges[l.first].Last && run.Count() < uint64(most) {
		if l.whole(l.known, wal.Segment{Timeline: run.Timeline, Number: run.Last + 1}) {
			break
		}
		run.Last++
	}
	return run
}

// wholeOf lists the segments of some ranges that one store has whole.
func (l *shelfList) wholeOf(ctx context.Context, p place, from store.Store, ranges []wal.Range) error {
	for _, run := range ranges {
		if err := l.walk(ctx, p, from, p.spanOf(p.files(run.Timeline), p.timeline(run.Timeline), run), &l.files); err != nil {
			return err
		}
	}
	return nil
}

// piecesOf lists the pieces that one store has of a run of segments.
func (l *shelfList) piecesOf(ctx context.Context, p place, from store.Store, run wal.Range) error {
	return l.walk(ctx, p, from, p.spanOf(p.tails(run.Timeline), p.tails(run.Timeline), run), &l.pieces)
}

// spanOf is where what belongs to a run of segments is listed, in one folder.
func (p place) spanOf(prefix, folder string, run wal.Range) span {
	name := func(number uint64) string { return p.size.Name(wal.Segment{Timeline: run.Timeline, Number: number}) }
	return span{prefix: prefix, after: folder + name(run.First), until: folder + name(run.Last) + afterAll}
}
