package wal_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const size = wal.DefaultSegmentSize

func TestFileNames(t *testing.T) {
	t.Parallel()
	seg := wal.Segment{Timeline: 2, Number: 0x1_05}
	cases := map[string]wal.FileName{
		"000000020000000100000005":                       {Kind: wal.FileSegment, Segment: seg, Timeline: 2},
		"000000020000000100000005.partial":               {Kind: wal.FilePartial, Segment: seg, Timeline: 2},
		"000000020000000100000005.00000028.backup":       {Kind: wal.FileBackup, Segment: seg, Timeline: 2, Offset: 0x28},
		"000000020000000100000005.0000000105000100.tail": {Kind: wal.FileTail, Segment: seg, Timeline: 2, ValidTo: 0x1_0500_0100},
		"0000000A.history":                               {Kind: wal.FileHistory, Timeline: 10},
	}
	for name, want := range cases {
		got, err := size.ParseFileName(name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if again := formatName(got); again != name {
			t.Errorf("%s became %s", name, again)
		}
	}
}

func formatName(n wal.FileName) string {
	switch n.Kind {
	case wal.FileSegment:
		return size.Name(n.Segment)
	case wal.FilePartial:
		return size.PartialName(n.Segment)
	case wal.FileBackup:
		return size.BackupHistoryName(n.Timeline, size.Start(n.Segment)+wal.LSN(n.Offset))
	case wal.FileTail:
		return size.TailName(n.Segment, n.ValidTo)
	case wal.FileHistory:
		return wal.HistoryName(n.Timeline)
	}
	return ""
}

func TestFileNamesRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", ".", "..", "../000000020000000100000005", "000000020000000100000005/", "00000002000000010000000", "0000000200000001000000G5",
		"000000020000000100000100", "000000000000000100000005", "00000002000000010000000a", "000000020000000100000005.", "000000020000000100000005.tmp",
		"000000020000000100000005.partial.partial", "000000020000000100000005.0100000000.backup", "000000020000000100000005.01000000.backup",
		"000000020000000100000005.0000000105000000.tail", "000000020000000100000005.0000000106000001.tail", "00000000.history", "A.history",
		"0000000A.history.history", "+00000020000000100000005", "000000020000000100000005\x00", "RECOVERYXLOG", "00000002FFFFFFFF000000FF",
	} {
		if _, err := size.ParseFileName(name); !failure.Is(err, failure.InvalidInput) {
			t.Errorf("%q was accepted: %v", name, err)
		}
	}
}

func TestParseHistory(t *testing.T) {
	t.Parallel()
	content := "1\t0/30001A8\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2026-03-01 10:00:00+00\n"
	got, err := wal.ParseHistory(3, []byte(content))
	want := wal.History{Timeline: 3, Ancestors: []wal.Ancestor{
		{Timeline: 1, End: 0x30001A8, Reason: "no recovery target specified"}, {Timeline: 2, End: 0x5000000, Reason: "before 2026-03-01 10:00:00+00"},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	again, err := wal.ParseHistory(3, got.Format())
	if diff := cmp.Diff(want, again); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
}

func TestParseHistoryRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"empty":               "",
		"no position":         "1\n",
		"not a timeline":      "one\t0/3000000\tx\n",
		"not a position":      "1\t03000000\tx\n",
		"its own ancestor":    "3\t0/3000000\tx\n",
		"timelines descend":   "2\t0/3000000\tx\n1\t0/4000000\tx\n",
		"positions descend":   "1\t0/4000000\tx\n2\t0/3000000\tx\n",
		"timeline zero":       "0\t0/3000000\tx\n",
		"position zero":       "1\t0/0\tx\n",
		"binary":              "1\t0/3000000\t\x00\n",
		"not UTF-8":           "1\t0/3000000\t\xff\n",
		"endless reason":      "1\t0/3000000\t" + strings.Repeat("x", 2000) + "\n",
		"larger than allowed": strings.Repeat("#", wal.MaxHistoryBytes+1),
	}
	for name, content := range cases {
		if _, err := wal.ParseHistory(3, []byte(content)); !failure.Is(err, failure.Corrupt) {
			t.Errorf("%s was accepted: %v", name, err)
		}
	}
	if h, err := wal.ParseHistory(1, nil); err != nil || len(h.Path()) != 1 {
		t.Errorf("timeline 1 needs no history: %v", err)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	small := wal.SegmentSize(1 << 20)
	at := func(segments float64) wal.LSN { return wal.LSN(segments * float64(small)) }
	path := wal.History{Timeline: 5, Ancestors: []wal.Ancestor{{Timeline: 1, End: at(3.5)}, {Timeline: 2, End: at(6)}}}.Path()
	for lsn, want := range map[wal.LSN]wal.Timeline{0: 1, at(3.5) - 1: 1, at(3.5): 2, at(6) - 1: 2, at(6): 5, at(900): 5} {
		if got := path.TimelineAt(lsn); got != want {
			t.Errorf("position %s is on timeline %d, want %d", lsn, got, want)
		}
	}
	ranges := []wal.Range{{Timeline: 1, First: 1, Last: 2}, {Timeline: 2, First: 3, Last: 5}, {Timeline: 5, First: 6, Last: 8}}
	if diff := cmp.Diff(ranges, path.Ranges(small, at(1.5), at(8.25))); diff != "" {
		t.Error(diff)
	}
	sources := map[uint64][]wal.Timeline{2: {1}, 3: {2}, 4: {2}, 5: {2}, 6: {5}}
	for number, want := range sources {
		if diff := cmp.Diff(want, path.Sources(small, number, at(900))); diff != "" {
			t.Errorf("segment %d: %s", number, diff)
		}
	}
	if diff := cmp.Diff([]wal.Timeline{2, 1}, path.Sources(small, 3, at(3.25))); diff != "" {
		t.Errorf("up to the switch both copies serve: %s", diff)
	}
	if !path.Reached(1, at(3.5)) || path.Reached(1, at(3.5)+1) || path.Reached(3, at(1)) || path.Reached(2, at(3)) {
		t.Error("what lies on the path is wrong")
	}
	branch := wal.History{Timeline: 3, Ancestors: []wal.Ancestor{{Timeline: 1, End: at(3)}}}.Path()
	if from, parts := path.Common(branch); !parts || from != at(3) {
		t.Errorf("paths part at %s, %v", from, parts)
	}
	if _, parts := path.Common(path); parts {
		t.Error("a path parts from itself")
	}
}

// Ranges and Sources say the same: the copy that is read comes first.
func TestPathProperties(t *testing.T) {
	t.Parallel()
	small := wal.SegmentSize(1 << 20)
	rapid.Check(t, func(t *rapid.T) {
		h := wal.History{Timeline: 1}
		var end wal.LSN
		for range rapid.IntRange(0, 5).Draw(t, "ancestors") {
			end += wal.LSN(rapid.Uint64Range(1, 4<<20).Draw(t, "step"))
			h.Ancestors = append(h.Ancestors, wal.Ancestor{Timeline: h.Timeline, End: end})
			h.Timeline++
		}
		if again, err := wal.ParseHistory(h.Timeline, h.Format()); err != nil || cmp.Diff(h, again) != "" {
			t.Fatalf("history does not survive its format: %v", err)
		}
		path := h.Path()
		from := wal.LSN(rapid.Uint64Range(0, 20<<20).Draw(t, "from"))
		until := from + wal.LSN(rapid.Uint64Range(1, 20<<20).Draw(t, "length"))
		number := small.SegmentAt(0, from).Number
		for _, r := range path.Ranges(small, from, until) {
			for n := r.First; n <= r.Last; n++ {
				if n != number {
					t.Fatalf("segment %d is missing", number)
				}
				number++
				if s := path.Sources(small, n, until); len(s) == 0 || s[0] != r.Timeline {
					t.Fatalf("segment %d is read from timeline %v, ranges say %d", n, s, r.Timeline)
				}
			}
		}
		if number != small.SegmentAt(0, until-1).Number+1 {
			t.Fatalf("ranges end before segment %d", number)
		}
	})
}
