package walship_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// BenchmarkAbsentFetch is the whole life of the small binary: start, settings,
// socket, every store asked, "not there".
func BenchmarkAbsentFetch(b *testing.B) {
	h := newHost(b, withYAML("tail: {disabled: true}\nheartbeat: {disabled: true}\n"))
	h.serve(b, h.config)
	for b.Loop() {
		cmd := exec.Command(filepath.Join(h.bin, "wal"), "--config", h.config, "fetch", "00000009.history", "pg_wal/RECOVERYHISTORY")
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkStatus is start, settings and one exchange, without stores.
func BenchmarkStatus(b *testing.B) {
	h := newHost(b, withYAML("tail: {disabled: true}\nheartbeat: {disabled: true}\n"))
	h.serve(b, h.config)
	for b.Loop() {
		if _, err := h.status(h.config); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkArchiveUnderLoad runs pgbench for ten seconds against an archiving
// server and reports push latency and the age of what no store holds.
func BenchmarkArchiveUnderLoad(b *testing.B) {
	h := newHost(b)
	h.serve(b, h.config)
	stop := h.load(b)
	defer stop()
	var ages []time.Duration
	sample := time.NewTicker(20 * time.Millisecond)
	defer sample.Stop()
	end := time.After(15 * time.Second)
	for range b.N {
		for running := true; running; {
			select {
			case <-sample.C:
				status, err := h.status(h.config)
				if err != nil {
					b.Fatal(err)
				}
				if status.TailRunning {
					ages = append(ages, status.TailLag)
				}
			case <-end:
				running = false
			}
		}
	}
	stop()
	slices.Sort(ages)
	b.ReportMetric(at(ages, 50), "rpo-p50-ms")
	b.ReportMetric(at(ages, 99), "rpo-p99-ms")
	b.ReportMetric(at(ages, 100), "rpo-max-ms")
	latencies := pushAgain(b, h)
	b.ReportMetric(at(latencies, 50), "push-p50-ms")
	b.ReportMetric(at(latencies, 95), "push-p95-ms")
}

// pushAgain pushes what is in pg_wal to fresh stores, a process each time.
func pushAgain(b *testing.B, h *host) []time.Duration {
	b.Helper()
	entries, err := os.ReadDir(filepath.Join(h.server.DataDir, "pg_wal"))
	if err != nil {
		b.Fatal(err)
	}
	box := newSandbox(b, h)
	archiver := box.archiver(b)
	var latencies []time.Duration
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(h.server.DataDir, "pg_wal", entry.Name()))
		if err != nil || len(content) != 16<<20 || content[2]&2 == 0 {
			continue
		}
		box.put(b, entry.Name(), content)
		began := time.Now()
		if err := archiver.Push(b.Context(), "pg_wal/"+entry.Name()); err == nil {
			latencies = append(latencies, time.Since(began))
		}
	}
	slices.Sort(latencies)
	b.ReportMetric(float64(len(latencies)), "pushes")
	return latencies
}

func at(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return -1
	}
	return float64(sorted[min(len(sorted)-1, len(sorted)*percent/100)].Microseconds()) / 1000
}

// BenchmarkInventory100k lists 100,000 segments in each of two stores.
func BenchmarkInventory100k(b *testing.B) {
	box := newFakeBox(b)
	for _, name := range []string{"near", "far"} {
		dir := filepath.Join(box.dir, name, "objects", "v1", "orders", "wal", boxSystem.String(), "00000001")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		for number := range uint64(100_000) {
			key := fmt.Sprintf("%s-%032x.zst.pgp", box.size().Name(wal.Segment{Timeline: 1, Number: number + 1}), number)
			if err := os.WriteFile(filepath.Join(dir, key), []byte("x"), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ResetTimer()
	for b.Loop() {
		inventory, err := walship.TakeInventory(b.Context(), box.cluster())
		if err != nil || len(inventory.Ranges) != 1 || inventory.Ranges[0].Count() != 100_000 {
			b.Fatalf("%+v, %v", inventory.Ranges, err)
		}
	}
}
