package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgressLines(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"50% of 1.0 KiB, 256 B/s, 2s left": describe(512, 1024, 2*time.Second),
		"100% of 1.0 KiB, 512 B/s":         describe(1024, 1024, 2*time.Second),
		"100% of 1.0 KiB, 1.0 KiB/s":       describe(2048, 1024, 2*time.Second), // the estimate was too small
		"3.0 MiB, 1.5 MiB/s":               describe(3<<20, 0, 2*time.Second),
		"0 B, 0 B/s":                       describe(0, 0, 0),
		"[████████████············]":        bar(1, 2),
		"[" + strings.Repeat("·", 24) + "]": bar(7, 0),
		"1.0 EiB":                           bytesText(1 << 60),
		"1023 B":                            bytesText(1023),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPlainProgressIsRareAndABarIsErased(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	var out strings.Builder
	p := &progress{out: &out, title: "restore", now: func() time.Time { return now }, began: now, shown: now}
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		p.update(1<<20, 2<<20)
	}
	p.end()
	if lines := strings.Count(out.String(), "\n"); lines != 2 || strings.Contains(out.String(), "\r") {
		t.Errorf("10 s gave %d lines: %q", lines, out.String())
	}
	out.Reset()
	p.terminal = true
	now = now.Add(time.Second)
	p.update(1<<20, 2<<20)
	p.end()
	if text := out.String(); !strings.HasSuffix(text, "\r") || strings.Contains(text, "\n") {
		t.Errorf("bar %q", text)
	}
}
