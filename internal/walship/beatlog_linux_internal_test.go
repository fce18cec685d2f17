package walship

import (
	"os"
	"slices"
	"testing"
	"time"
)

// TestBeatsBehindHalfALine fills the disk in the middle of a line, and has room again.
func TestBeatsBehindHalfALine(t *testing.T) {
	dir := t.TempDir()
	log, err := openBeatLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(seq uint64) error {
		return log.add(Beat{Seq: seq, At: time.Unix(1, 0), LSN: 1, CommitLSN: 2, SystemID: beatSystem, Timeline: 1, Incarnation: "one", Acknowledged: time.Unix(1, 0)})
	}
	if err := add(1); err != nil {
		t.Fatal(err)
	}
	if _, err := log.file.WriteString(`{"seq":2,"at":`); err != nil {
		t.Fatal(err)
	}
	_ = log.file.Close()
	if log.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	if err := add(2); err == nil {
		t.Fatal("a heartbeat for which the disk has no room was kept")
	}
	for seq := uint64(3); seq < 5; seq++ {
		if err := add(seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}

	again, err := openBeatLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.close() })
	var kept []uint64
	for _, beat := range again.open {
		kept = append(kept, beat.Seq)
	}
	if want := []uint64{1, 3, 4}; !slices.Equal(kept, want) {
		t.Errorf("after a restart the heartbeats %d are known, want %d", kept, want)
	}
}
