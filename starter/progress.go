package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
)

const (
	barWidth    = 24
	redrawEvery = 200 * time.Millisecond // on a terminal
	lineEvery   = 5 * time.Second        // in a log
)

// progress shows how far a long transfer is, on standard error: a bar with rate
// and ETA on a terminal, a plain line every few seconds elsewhere, and with
// -o json nothing but those plain lines, so that standard output stays JSON.
type progress struct {
	out      io.Writer
	terminal bool
	title    string
	now      func() time.Time

	mu    sync.Mutex
	began time.Time
	shown time.Time
	width int // of the line on the terminal
}

func (a *app) progress(title string) *progress {
	onTerminal := isTerminal(a.err) && a.format != formatJSON
	began := time.Now()
	// Shown from the beginning on: work that is done in no time shows nothing.
	return &progress{out: a.err, terminal: onTerminal, title: title, now: time.Now, began: began, shown: began}
}

// archive shows a backup's, restore's or verification's progress.
func (p *progress) archive(at archive.Progress) { p.update(at.BytesDone, at.BytesTotal) }

// update shows that done of total bytes are through; a total of 0 is unknown.
// It is cheap to call often.
func (p *progress) update(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := lineEvery
	if p.terminal {
		every = redrawEvery
	}
	now := p.now()
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	p.draw(describe(done, total, now.Sub(p.began)), done, total)
}

func (p *progress) draw(text string, done, total int64) {
	if !p.terminal {
		fmt.Fprintf(p.out, "%s: %s\n", p.title, text)
		return
	}
	line := fmt.Sprintf("%s %s %s", p.title, bar(done, total), text)
	fmt.Fprintf(p.out, "\r%-*s", p.width, line)
	p.width = len(line)
}

// end takes the bar off the terminal.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.width > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.width))
	}
}

// describe says how much is done, how fast, and how long it will take.
func describe(done, total int64, took time.Duration) string {
	rate := int64(0)
	if took > 0 {
		rate = int64(float64(done) / took.Seconds())
	}
	text := fmt.Sprintf("%s, %s/s", bytesText(done), bytesText(rate))
	if total <= 0 {
		return text
	}
	done = min(done, total)
	text = fmt.Sprintf("%d%% of %s, %s/s", done*100/total, bytesText(total), bytesText(rate))
	if rate > 0 && done < total {
		text += ", " + (time.Duration(float64(total-done) / float64(rate) * float64(time.Second))).Round(time.Second).String() + " left"
	}
	return text
}

func bar(done, total int64) string {
	if total <= 0 {
		return "[" + strings.Repeat("·", barWidth) + "]"
	}
	full := int(min(done, total) * barWidth / total)
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", barWidth-full) + "]"
}

// bytesText prints a size for people, in powers of 1024.
func bytesText(size int64) string {
	const unit = 1024
	if size < unit {
		return fmt.Sprintf("%d B", size)
	}
	value, names := float64(size)/unit, "KMGTPE"
	for value >= unit && len(names) > 1 {
		value, names = value/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, names[0])
}
