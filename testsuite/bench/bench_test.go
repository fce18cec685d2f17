package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/wal"
)

func TestEveryRowBelongsToOneGroup(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	for _, g := range groups() {
		for _, name := range g.rows {
			count[name]++
		}
	}
	for _, kind := range rowKinds() {
		if count[kind.name] != 1 {
			t.Errorf("%s is measured by %d groups", kind.name, count[kind.name])
		}
		if kind.target <= 0 || kind.unit == "" || (kind.against == "") != (kind.limit > 0) {
			t.Errorf("%s has neither a peer nor a limit, or both: %+v", kind.name, kind)
		}
		delete(count, kind.name)
	}
	if len(count) > 0 {
		t.Errorf("measured, and no row: %v", count)
	}
}

func TestOptionsRefuseWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-runs", "2"}, {"-size", "10"}, {"-size", "1MB"}, {"-size", "NaNGB"}, {"-only", "("}, {"-load", "0s"}} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	o, err := parseOptions([]string{"-size", "1.5GB", "-only", "^full"})
	if err != nil || o.sizeBytes != 1.5e9 || !o.wanted(rowBackupFile) || o.wanted(rowRestore) {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	of := []float64{5, 1, 4, 2, 3}
	for percent, want := range map[float64]float64{0: 1, 20: 1, 50: 3, 95: 5, 100: 5} {
		if got := percentile(of, percent); got != want {
			t.Errorf("percentile %v = %v, want %v", percent, got, want)
		}
	}
	if of[0] != 5 || !math.IsNaN(median(nil)) {
		t.Error("percentile sorted its argument, or knows a median of nothing")
	}
}

func TestRatiosAndVerdicts(t *testing.T) {
	t.Parallel()
	found := newFindings()
	found.compare(rowBackupFile, 9, 10)    // slower than 0.8 of the peer
	found.compare(rowLoadPeer, 1100, 1000) // a rate: more is better
	found.limit(rowRPOIdle, 2)
	made := results{Raw: map[string][]sample{}, Machine: machine{Cores: 2}}
	for _, g := range groups() {
		made.add(g, func(string) bool { return true }, found, errors.New("the store | burned\nand more"))
	}
	table := made.table()
	for _, line := range []string{
		"| " + rowBackupFile + " | pgBackRest full, zst 1, aes-256-cbc, two processes, local | 9.00 s | 10.0 s | 0.90 | ≤ 0.80 | **missed by 12 %** |",
		"| 1100 tps | 1000 tps | 0.91 | ≤ 1.00 | met |",
		"| " + rowRPOIdle + " | limit | 2.00 s | 5.00 s | 0.40 | ≤ 1.00 | met |",
		"| tar \\| gzip \\| gpg, a local file | unknown | | | ≤ 0.10 | not measured: the store \\| burned |",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no %q in\n%s", line, table)
		}
	}
	if err := made.failed(); err == nil || strings.Contains(err.Error(), rowBackupFile) || !strings.Contains(err.Error(), rowBackupTar) {
		t.Errorf("got %v", err)
	}
}

func TestDocumentChangesOnlyWhatIsBetweenTheMarkers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n"+tableBegins+"\nold\n"+tableEnds+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var made results
	for range 2 {
		if err := made.document(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + tableBegins + "\n" + made.table() + tableEnds + "\nafter\n"; string(text) != want {
		t.Errorf("got %s", text)
	}
	if err := os.WriteFile(path, []byte("no markers"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := made.document(path); err == nil {
		t.Error("a file without markers was accepted")
	}
}

func TestTheDocumentHasMarkers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil || strings.Count(string(text), tableBegins) != 1 || strings.Count(string(text), tableEnds) != 1 {
		t.Errorf("docs/benchmarks.md: %v", err)
	}
}

func TestBuildEditsWhatIsThere(t *testing.T) {
	t.Parallel()
	replaced := map[string]string{}
	if err := applyEdits("../..", t.TempDir(), edits(true), replaced); err != nil {
		t.Error(err)
	}
	if len(replaced) != 3 {
		t.Errorf("edited %v", replaced)
	}
	if err := applyEdits("../..", t.TempDir(), []edit{{"starter/main.go", "no such text", ""}}, replaced); err == nil {
		t.Error("an edit of what is not there was accepted")
	}
}

func TestRedoIsReadFromPostgresLog(t *testing.T) {
	t.Parallel()
	log := "LOG:  redo starts at 0/2000028\nLOG:  redo done at 0/8000110 system usage: CPU: user: 0.31 s, system: 0.06 s, elapsed: 0.50 s\n"
	bytes, took, err := redo(log)
	if err != nil || bytes != 0x8000110-0x2000028 || took != 0.5 {
		t.Errorf("got %v bytes in %v s, %v", bytes, took, err)
	}
	if _, _, err := redo("LOG:  redo starts at 0/2000028\n"); err == nil {
		t.Error("a log without an end was accepted")
	}
}

func TestAgeOfStoredWAL(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var flushed positions
	for i := range 10 {
		flushed = append(flushed, moment{begin.Add(time.Duration(i) * time.Second), wal.LSN(100 + i)})
	}
	for _, one := range []struct {
		stored wal.LSN
		want   time.Duration
	}{{103, 6 * time.Second}, {103, 6 * time.Second}, {108, time.Second}, {109, 0}, {500, 0}} {
		if got := flushed.age(one.stored); got != one.want {
			t.Errorf("stored up to %d: %s, want %s", one.stored, got, one.want)
		}
	}
}

func TestNewestStoredReadsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, err := newestStored(filepath.Join(dir, "absent")); got != 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tail"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"000000010000000000000002-0123.zst.pgp", "00000002.history-0123.clear",
		"tail/000000010000000000000003-0000000003000000-0000000003000400-0123.zst.pgp",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := newestStored(dir); err != nil || got != 0x3000400 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestScatterIsTheSameTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "base", "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "base", "1", "16384")
	if err := os.WriteFile(file, make([]byte, 40*runBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := func() (count int) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range text {
			if b != 0 {
				count++
			}
		}
		return count
	}
	for _, want := range []int{2 * runBytes, 0} { // inverted twice at the same places
		if err := scatter(dir, 5); err != nil {
			t.Fatal(err)
		}
		if got := changed(); got != want {
			t.Errorf("%d bytes differ, want %d", got, want)
		}
	}
}

func TestStepOverheadsOfARecordedHistory(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../workflows/recovery/databasecorruption/testdata/replay/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recorded histories", err)
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := client.HistoryFromJSON(file, client.HistoryJSONOptions{})
		if closing := file.Close(); err != nil || closing != nil {
			t.Fatal(err, closing)
		}
		overheads := stepOverheads(h)
		if len(overheads) < minSteps || percentile(overheads, 0) < 0 || percentile(overheads, 100) > 60_000 {
			t.Errorf("%s: %d steps, from %v to %v ms", filepath.Base(path), len(overheads), percentile(overheads, 0), percentile(overheads, 100))
		}
	}
}

func TestTreeCPUAndMemoryOfThisProcess(t *testing.T) {
	t.Parallel()
	stop := watchMemory(t.Context(), os.Getpid())
	const enough = 50 * time.Millisecond
	for end := time.Now().Add(20 * time.Second); treeCPU(os.Getpid()) < enough && time.Now().Before(end); { //nolint:revive // it shall use the processor
	}
	if peak := stop(); peak < 1<<20 {
		t.Errorf("this process never had more than %d bytes", peak)
	}
	if used := treeCPU(os.Getpid()); used < enough {
		t.Errorf("this process used only %s", used)
	}
	if used := treeCPU(-1); used != 0 {
		t.Errorf("no process used %s", used)
	}
}
