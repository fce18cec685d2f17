package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// console prints the story. Colours only on a terminal that wants them.
type console struct {
	out    io.Writer
	begin  time.Time
	colour bool
	stages []stage
}

// stage is one part of the story and what it took.
type stage struct {
	title string
	took  time.Duration
}

type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

func newConsole(out *os.File) *console {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &console{out: out, begin: time.Now(), colour: terminal && os.Getenv("NO_COLOR") == ""}
}

func (c *console) paint(s style, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (c *console) line(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// title begins a part of the story.
func (c *console) title(text string) { c.line("\n%s", c.paint(bold, text)) }

// note is a line beside the story.
func (c *console) note(format string, args ...any) {
	c.line("    %s", c.paint(dim, fmt.Sprintf(format, args...)))
}

// stage runs one part, and prints what came of it and how long it took.
func (c *console) stage(title string, work func() (detail string, err error)) error {
	if c.colour {
		fmt.Fprintf(c.out, "  %s %s", c.paint(cyan, "▸"), title)
	}
	begin := time.Now()
	detail, err := work()
	took := time.Since(begin)
	if c.colour {
		fmt.Fprint(c.out, "\r\x1b[K")
	}
	if err != nil {
		c.line("  %s %s", c.paint(red, "✗"), title)
		return err
	}
	c.stages = append(c.stages, stage{title, took})
	c.line("  %s %-34s %7s  %s", c.paint(green, "✓"), title, seconds(took), c.paint(dim, detail))
	return nil
}

// step prints one step of the runbook.
func (c *console) step(mark style, sign, title string, took time.Duration, detail string) {
	c.line("    %s %-54s %7s  %s", c.paint(mark, sign), title, seconds(took), c.paint(dim, detail))
}

// closing stops everything and says how long that took.
func (c *console) closing(stop func() error) error {
	begin := time.Now()
	err := stop()
	c.note("stopped and removed everything in %s", seconds(time.Since(begin)))
	return err
}

func (c *console) failed(err error) {
	c.line("\n%s %s%s", c.paint(red, "✗"), err, hintOf(err))
}

// timings lists where the time went.
func (c *console) timings() {
	c.title("Where the time went")
	for _, one := range c.stages {
		share := int(40 * one.took.Seconds() / max(1, time.Since(c.begin).Seconds()))
		c.line("    %-34s %7s  %s", one.title, seconds(one.took), c.paint(cyan, strings.Repeat("█", share)))
	}
	c.line("    %-34s %7s", "in all", seconds(time.Since(c.begin)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", bytes/1_000_000) }
