package recovery_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// quarter is the granularity of the worlds below: four positions a segment, and at
// each of them a commit ends.
const quarter = wal.LSN(segment / 4)

// point is the name that restore points and named targets share.
const point = "before-migration"

// world is a random cluster history: timelines that branched off one another, when
// each began to write, and the segments that happen to be in the archive.
type world struct {
	question recovery.Question
	paths    map[wal.Timeline]wal.Path
	began    map[wal.Timeline]time.Time
	present  map[wal.Segment]bool
}

func drawWorld(t *rapid.T) *world {
	w := &world{
		paths: map[wal.Timeline]wal.Path{1: wal.History{Timeline: 1}.Path()},
		began: map[wal.Timeline]time.Time{1: epoch}, present: map[wal.Segment]bool{},
		question: recovery.Question{SystemID: system, WAL: recovery.WALInventory{SystemID: system, SegmentSize: segment}},
	}
	timelines := rapid.IntRange(1, 4).Draw(t, "timelines")
	w.drawBranches(t, timelines)
	holes, beating := rapid.Bool().Draw(t, "holes"), rapid.IntRange(0, 3).Draw(t, "beating") > 0
	for tli := wal.Timeline(1); int(tli) <= timelines; tli++ {
		w.drawArchive(t, tli, holes)
		if beating {
			w.drawBeats(t, tli)
		}
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "sets") {
		w.drawSet(t, string(rune('a'+i)), timelines)
	}
	w.drawTarget(t, timelines)
	return w
}

// drawBranches lets each timeline leave an older one: at once, as a failover does,
// or hours after that one had written the same position, as a recovery does.
func (w *world) drawBranches(t *rapid.T, timelines int) {
	histories := map[wal.Timeline]wal.History{1: {Timeline: 1}}
	for next := wal.Timeline(2); int(next) <= timelines; next++ {
		parent := histories[wal.Timeline(rapid.IntRange(1, int(next)-1).Draw(t, "parent"))]
		begin := wal.LSN(4)
		if n := len(parent.Ancestors); n > 0 {
			begin = parent.Ancestors[n-1].End / quarter
		}
		end := (begin + wal.LSN(rapid.IntRange(0, 16).Draw(t, "switch"))) * quarter
		h := wal.History{Timeline: next, Ancestors: append(slices.Clone(parent.Ancestors), wal.Ancestor{Timeline: parent.Timeline, End: end})}
		histories[next], w.paths[next] = h, h.Path()
		w.began[next] = w.wrote(parent.Timeline, end).Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "pause")) * time.Minute)
		w.question.WAL.Histories = append(w.question.WAL.Histories, h)
	}
}

// wrote returns when the timeline committed position, a quarter a minute.
func (w *world) wrote(tli wal.Timeline, position wal.LSN) time.Time {
	path := w.paths[tli]
	return w.began[tli].Add(time.Duration((position-path[len(path)-1].Start)/quarter) * time.Minute)
}

// drawArchive archives the segments of one timeline, some missing, in ranges.
func (w *world) drawArchive(t *rapid.T, tli wal.Timeline, holes bool) {
	path := w.paths[tli]
	begin := path[len(path)-1].Start
	next := segment.SegmentAt(tli, begin)
	for range rapid.IntRange(0, 11).Draw(t, "segments") {
		if !holes || rapid.IntRange(0, 9).Draw(t, "missing") > 0 {
			w.archive(next, rapid.Bool().Draw(t, "joined"))
		}
		next.Number++
	}
	end := segment.Start(next) + quarter*wal.LSN(rapid.IntRange(1, 4).Draw(t, "valid"))
	if rapid.Bool().Draw(t, "tail") && end > begin {
		w.question.WAL.Tails = append(w.question.WAL.Tails, recovery.Tail{Timeline: tli, Number: next.Number, ValidUpTo: end, Stores: []string{"one"}})
	}
}

// archive adds a segment, to the range before it where that is wanted and touches it.
func (w *world) archive(seg wal.Segment, joined bool) {
	w.present[seg] = true
	ranges := w.question.WAL.Ranges
	if n := len(ranges); joined && n > 0 && ranges[n-1].Timeline == seg.Timeline && ranges[n-1].Last+1 == seg.Number {
		ranges[n-1] = have(seg.Timeline, ranges[n-1].First, seg.Number)
		return
	}
	w.question.WAL.Ranges = append(ranges, have(seg.Timeline, seg.Number, seg.Number))
}

// drawBeats lets some of a timeline's commits be heartbeats, also in WAL that is lost.
func (w *world) drawBeats(t *rapid.T, tli wal.Timeline) {
	path := w.paths[tli]
	for i := range rapid.IntRange(0, 40).Draw(t, "beats until") {
		if rapid.IntRange(0, 3).Draw(t, "no beat") == 0 {
			continue
		}
		position := path[len(path)-1].Start + wal.LSN(i+1)*quarter
		w.question.Heartbeats = append(w.question.Heartbeats, recovery.Heartbeat{
			Sequence: uint64(i), At: w.wrote(tli, position), LSN: position, Timeline: tli, SystemID: system, Incarnation: "a",
		})
	}
}

func (w *world) drawSet(t *rapid.T, id string, timelines int) {
	tli := wal.Timeline(rapid.IntRange(1, timelines).Draw(t, "set timeline"))
	path := w.paths[tli]
	start := path[len(path)-1].Start + quarter*wal.LSN(rapid.IntRange(1, 12).Draw(t, "start"))
	s := set(id, tli, 0, 0)
	s.StartLSN, s.StopLSN = start, start+quarter*wal.LSN(rapid.IntRange(1, 6).Draw(t, "stop"))
	s.StartedAt, s.StoppedAt = w.wrote(tli, s.StartLSN), w.wrote(tli, s.StopLSN)
	s.Damaged = rapid.IntRange(0, 5).Draw(t, "damaged") == 0
	w.question.Sets = append(w.question.Sets, s)
}

func (w *world) drawTarget(t *rapid.T, timelines int) {
	near := rapid.SampledFrom(w.question.Sets).Draw(t, "set before")
	ahead := rapid.IntRange(-1, 24).Draw(t, "quarters ahead of it")
	target := recovery.Target{
		Kind:      rapid.SampledFrom([]recovery.TargetKind{recovery.TargetLSN, recovery.TargetTime, recovery.TargetName, recovery.TargetLatest}).Draw(t, "kind"),
		Timeline:  wal.Timeline(rapid.IntRange(0, timelines).Draw(t, "target timeline")),
		Inclusive: true,
	}
	switch target.Kind {
	case recovery.TargetLSN:
		target.LSN = near.StopLSN + wal.LSN(ahead)*quarter
	case recovery.TargetTime: // between two commits
		target.Time = near.StoppedAt.Add(time.Duration(ahead)*time.Minute + 30*time.Second)
	case recovery.TargetName:
		target.Name = point
		for range rapid.IntRange(1, 3).Draw(t, "points") {
			w.drawPoint(t, timelines)
		}
	case recovery.TargetLatest:
	}
	w.question.Target = target
}

func (w *world) drawPoint(t *rapid.T, timelines int) {
	tli := wal.Timeline(rapid.IntRange(1, timelines).Draw(t, "point's timeline"))
	path := w.paths[tli]
	position := path[len(path)-1].Start + quarter*wal.LSN(rapid.IntRange(1, 24).Draw(t, "point"))
	w.question.RestorePoints = append(w.question.RestorePoints, recovery.RestorePoint{Name: point, LSN: position, Timeline: tli, At: w.wrote(tli, position)})
}
