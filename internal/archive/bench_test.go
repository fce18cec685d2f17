package archive_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
)

// benchBytes is 1 GiB, half of it random and half telemetry-like text, in files
// as a database has them: a few large ones and a thousand small ones.
const benchBytes = 1 << 30

func (f *fixture) populateBench() {
	f.t.Helper()
	must(f.t, os.MkdirAll(filepath.Join(f.data, "base/1"), 0o700))
	rng := rand.NewChaCha8([32]byte{7})
	write := func(name string, size int, text bool) {
		out, err := os.Create(filepath.Join(f.data, name))
		must(f.t, err)
		w := bufio.NewWriterSize(out, 1<<20)
		block := make([]byte, 8192)
		for done := 0; done < size; done += len(block) {
			_, _ = rng.Read(block)
			if text {
				line := []byte{}
				for i := 0; len(line) < len(block); i++ {
					line = fmt.Appendf(line, "%d,sensor-%d,%d.%02d,ok,2026-11-23T%02d:%02d\n", done+i, block[i]%50,
						block[i+1], block[i+2]%100, block[i+3]%24, block[i+4]%60)
				}
				copy(block, line)
			}
			_, err := w.Write(block)
			must(f.t, err)
		}
		must(f.t, w.Flush())
		must(f.t, out.Close())
	}
	for i := range 1000 {
		write(fmt.Sprintf("base/1/%d", i), 8192*(i%4+1), i%2 == 0)
	}
	const large = 8
	for i := range large {
		write(fmt.Sprintf("base/large%d", i), benchBytes/large, i%2 == 0)
	}
}

// watchMemory returns a function that stops watching and gives the highest
// memory the runtime had from the system, in MiB.
func watchMemory() func() float64 {
	var peak atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.Sys-m.HeapReleased))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() float64 {
		close(done)
		<-ended
		return float64(peak.Load()) / (1 << 20)
	}
}

func BenchmarkBackup(b *testing.B) {
	f := newFixture(b)
	f.populateBench()
	cfg := f.config(archive.Full)
	cfg.SliceBytes, cfg.PartBytes = 0, 0
	b.SetBytes(benchBytes)
	stop := watchMemory()
	for b.Loop() {
		f.backup(cfg)
	}
	b.ReportMetric(stop(), "peak-MiB")
}

func BenchmarkRestore(b *testing.B) {
	f := newFixture(b)
	f.populateBench()
	cfg := f.config(archive.Full)
	cfg.SliceBytes, cfg.PartBytes = 0, 0
	d, _ := f.backup(cfg)
	b.SetBytes(benchBytes)
	runtime.GC()
	stop := watchMemory()
	for b.Loop() {
		_, err := archive.Restore(context.Background(), f.restoreConfig(d.Set))
		must(b, err)
	}
	b.ReportMetric(stop(), "peak-MiB")
}

func BenchmarkDeltaUnchanged(b *testing.B) {
	f := newFixture(b)
	f.populateBench()
	cfg := f.config(archive.Full)
	cfg.SliceBytes, cfg.PartBytes = 0, 0
	d, _ := f.backup(cfg)
	restore := f.restoreConfig(d.Set)
	_, err := archive.Restore(context.Background(), restore)
	must(b, err)
	restore.Delta = true
	b.SetBytes(benchBytes)
	for b.Loop() {
		_, err := archive.Restore(context.Background(), restore)
		must(b, err)
	}
}
