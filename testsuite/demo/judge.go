package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// judge shows the report and compares it with what is known from outside.
func (s *story) judge(ctx context.Context) (bool, error) {
	result, err := s.Result(ctx)
	if err != nil {
		return false, err
	}
	s.Application.Stop()
	truth, err := s.Judge(ctx, s.damage)
	if err != nil {
		return false, err
	}
	found, err := s.ReadReport(ctx, result.Report)
	if err != nil {
		return false, err
	}
	s.screen.title("The report")
	s.screen.line("%s", indented(summaryOf(found.Markdown)))
	s.compare(found, truth)
	s.screen.timings()
	good := found.Result.CriteriaMet == recovery.VerdictMet && truth.Whole && truth.BeforeDamage == 0
	s.verdict(good, found)
	return good, s.where(found)
}

// summaryOf is the report up to its success criteria; the rest is for the page.
func summaryOf(markdown []byte) string {
	text, _, _ := strings.Cut(string(markdown), "\n## Instants")
	return strings.TrimSpace(text)
}

func indented(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// compare puts what the report says was left behind beside what is known.
func (s *story) compare(found scenario.Report, truth scenario.Truth) {
	s.screen.title("What the report says, and what is known from outside")
	if len(found.Input.Lost) == 0 {
		s.screen.line("    the report counts no work after the target; the application misses %d acknowledged rows", truth.Loss.Missing)
	} else {
		s.tables(found, truth)
	}
	s.screen.line("    rows acknowledged before the damage and gone: %d; every row the damage took is back: %v", truth.BeforeDamage, truth.Whole)
}

// tables puts the report's count of each table beside what is known of it.
func (s *story) tables(found scenario.Report, truth scenario.Truth) {
	const head = "left behind, per table"
	width := len(head)
	for _, lost := range found.Input.Lost {
		width = max(width, len(lost.Table))
	}
	s.screen.line("    %-*s %10s %10s %10s   %s", width, head, "inserted", "updated", "deleted", "known from outside")
	for _, lost := range found.Input.Lost {
		s.screen.line("    %-*s %10s %10s %10s   %s", width, lost.Table, rows(lost.Inserts), rows(lost.Updates), rows(lost.Deletes), s.known(lost.Table, truth))
	}
}

// known is what the application and the damage itself say about a table.
func (s *story) known(table string, truth scenario.Truth) string {
	if strings.HasSuffix(table, ".journal") {
		return fmt.Sprintf("%d acknowledged rows are gone", truth.Loss.Missing)
	}
	for _, rows := range s.damage.Rows {
		if rows.Table == table {
			return fmt.Sprintf("the damage: %d updated, %d deleted", rows.Updated, rows.Deleted)
		}
	}
	return ""
}

func rows(count report.Count) string {
	if !count.Known {
		return "unknown"
	}
	return fmt.Sprint(count.Rows)
}

func (s *story) verdict(good bool, found scenario.Report) {
	if good {
		s.screen.line("\n%s recovered to the moment before the damage; all %d criteria are met, %s after the start of this demo",
			s.screen.paint(green, "✓"), len(found.Input.Criteria), time.Since(s.screen.begin).Round(time.Second))
		return
	}
	s.screen.line("\n%s not everything promised was kept: criteria met: %s", s.screen.paint(red, "✗"), found.Result.CriteriaMet)
	for _, criterion := range found.Input.Criteria {
		s.screen.line("    %-8s %s: %s", criterion.Verdict, criterion.Title, criterion.Evidence)
	}
}

// where writes the report beside the stack's files, for KEEP=1.
func (s *story) where(found scenario.Report) error {
	if !s.wish.keep {
		s.screen.note("KEEP=1 keeps the servers, the Web UI and the whole report as a page")
		return nil
	}
	for name, body := range map[string][]byte{"report.md": found.Markdown, "report.html": found.HTML} {
		path := filepath.Join(s.Dir, name)
		if err := os.WriteFile(path, body, 0o600); err != nil {
			return err
		}
		s.screen.line("    %s", path)
	}
	return nil
}
