package onset

import "testing"

func TestTuplesOfEveryMajor(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]int64{
		"61 tuples flags 0x02, blkref #0: rel 1663/5/16384 blk 0":                     61,
		"ntuples: 61, flags: 0x02, blkref #0: rel 1663/5/16384 blk 0":                 61,
		"ntuples: 6, flags: 0x02, offsets: [1, 2], blkref #0: rel 1663/5/16384 blk 0": 6,
	} {
		if got := (record{detail: detail}).tuples(); got != want {
			t.Errorf("%q: %d, want %d", detail, got, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("rmgr: Transaction len (rec/tot):     46/    46, tx:        727, lsn: 0/01785B48, prev 0/01785B08, desc: COMMIT 2026-11-23 00:50:27.482199 UTC; subxacts: 728")
	f.Add("rmgr: Heap        len (rec/tot):     80/    80, tx:        733, lsn: 0/01796448, prev 0/01796408, desc: HOT_UPDATE off 43, blkref #0: rel 1663/5/1259 blk 5")
	f.Fuzz(func(_ *testing.T, line string) {
		state := &open{byXID: map[uint32]*Transaction{}}
		if r, ok := parseLine(line); ok {
			_ = state.change(r)
			state.end(r)
		}
	})
}
