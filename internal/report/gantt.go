package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/recovery"
)

// The drawing's measures, in its own units; the page scales it.
const (
	ganttWidth   = 1000.0
	labelWidth   = 310.0
	plotRight    = 985.0
	rowHeight    = 19.0
	headHeight   = 28.0
	axisHeight   = 46.0
	maxStepRows  = 60 // the longest steps are drawn, the table lists all
	maxLabel     = 40 // characters
	budgetWithin = 1.6
)

// gantt is the timeline drawn against the phase budgets, ready for the template.
type gantt struct {
	Width, Height, PlotLeft, PlotRight, AxisY, Bottom float64
	Summary                                           string
	Ticks                                             []tick
	Marks                                             []tick
	Rows                                              []row
	Hidden                                            int // steps that are in the table only
}

type tick struct {
	X     float64
	Label string
	End   bool // its label is set to the left of it
}

// row is one line of the drawing: a phase, a step or a gate.
type row struct {
	Class       string // phase, step, gate
	State       string // succeeded, failed, skipped, open, breach
	Label, Full string
	Y, TextY    float64
	X, W        float64
	Note        string
	NoteX       float64
	NoteEnd     bool    // the note is set to the left of NoteX
	BudgetW     float64 // phase: width of the outline
	BudgetOpen  bool    // it goes on beyond the drawing
}

// scale places times on the drawing.
type scale struct {
	from time.Time
	span time.Duration
}

func (s scale) x(t time.Time) float64 {
	share := float64(t.Sub(s.from)) / float64(s.span)
	return labelWidth + min(max(share, 0), 1)*(plotRight-labelWidth)
}

// drawGantt lays the run out. False when nothing in it has a time.
func drawGantt(in Input) (gantt, bool) {
	s, end, ok := extent(in)
	if !ok {
		return gantt{}, false
	}
	g := gantt{Width: ganttWidth, PlotLeft: labelWidth, PlotRight: plotRight, AxisY: axisHeight}
	shown, hidden := longestSteps(in.Phases)
	g.Hidden = hidden
	y := axisHeight + 8
	for _, p := range in.Phases {
		if p.Begin.IsZero() {
			continue
		}
		g.Rows = append(g.Rows, phaseRow(p, s, end, y))
		y += headHeight
		for _, r := range phaseLines(in, p, s, end, shown) {
			r.Y, r.TextY = y, y+rowHeight-6
			g.Rows = append(g.Rows, r)
			y += rowHeight
		}
		y += 6
	}
	g.Bottom, g.Height = y, y+6
	g.Ticks, g.Marks = ticks(s), marks(in.Instants, s)
	g.Summary = fmt.Sprintf("%d phases over %s; outlines show each phase's budget, hatched bars are waits for people.", len(in.Phases), duration(end.Sub(s.from)))
	return g, true
}

// extent is the time drawn: the run, and the budgets that end not long after it.
func extent(in Input) (scale, time.Time, bool) {
	var begin, end time.Time
	for _, p := range in.Phases {
		if !p.Begin.IsZero() && (begin.IsZero() || p.Begin.Before(begin)) {
			begin = p.Begin
		}
		end = later(end, p.End)
		for _, st := range p.Steps {
			end = later(end, later(st.Begin, st.End))
		}
	}
	for _, g := range in.Gates {
		end = later(end, later(g.Opened, g.Closed))
	}
	if begin.IsZero() || !end.After(begin) {
		return scale{}, end, false
	}
	span := end.Sub(begin)
	drawn := span
	for _, p := range in.Phases {
		if over := p.Begin.Add(p.Budget).Sub(begin); !p.Begin.IsZero() && float64(over) <= budgetWithin*float64(span) {
			drawn = max(drawn, over)
		}
	}
	return scale{from: begin, span: drawn + drawn/25}, end, true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func phaseRow(p Phase, s scale, runEnd time.Time, y float64) row {
	end := p.End
	r := row{Class: "phase", State: "succeeded", Label: shorten(p.Name), Full: p.Name, Y: y, TextY: y + 15, X: s.x(p.Begin)}
	if end.IsZero() {
		end, r.State = runEnd, "open"
	}
	if p.Breach != "" {
		r.State = "breach"
	}
	r.W = max(s.x(end)-r.X, 2)
	limit := p.Begin.Add(p.Budget)
	r.BudgetW = s.x(limit) - r.X
	r.BudgetOpen = limit.After(s.from.Add(s.span))
	r.Note = fmt.Sprintf("%s of %s", took(p.Begin, p.End), duration(p.Budget))
	return r.placed(max(r.X+r.W, r.X))
}

// placed puts the note beside the bar, on the side where there is room.
func (r row) placed(right float64) row {
	width := 6.2 * float64(len([]rune(r.Note)))
	r.NoteX = right + 6
	if r.NoteX+width > plotRight {
		r.NoteX, r.NoteEnd = r.X-6, true
	}
	if r.NoteEnd && r.NoteX-width < labelWidth {
		r.NoteX, r.NoteEnd = right-4, true
	}
	return r
}

// phaseLines returns the phase's steps and gates in the order they began.
func phaseLines(in Input, p Phase, s scale, runEnd time.Time, shown map[*Step]bool) []row {
	type line struct {
		begin time.Time
		row   row
	}
	var lines []line
	for i := range p.Steps {
		if st := &p.Steps[i]; shown[st] {
			lines = append(lines, line{st.Begin, bar("step", string(st.Outcome), st.Title, st.Begin, st.End, s, runEnd)})
		}
	}
	for _, g := range in.Gates {
		if g.Phase == p.Name {
			lines = append(lines, line{g.Opened, bar("gate", g.Outcome, "Gate: "+g.Title, g.Opened, g.Closed, s, runEnd)})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.begin.Compare(b.begin) })
	rows := make([]row, len(lines))
	for i := range lines {
		rows[i] = lines[i].row
	}
	return rows
}

func bar(class, state, title string, begin, end time.Time, s scale, runEnd time.Time) row {
	r := row{Class: class, State: state, Label: shorten(title), Full: title, X: s.x(begin)}
	right := end
	if end.IsZero() {
		right = runEnd
	}
	r.W = max(s.x(right)-r.X, 1.5)
	r.Note = took(begin, end)
	if state != string(StepSucceeded) && state != "passed" {
		r.Note += ", " + state
	}
	return r.placed(r.X + r.W)
}

// longestSteps selects the steps to draw, and counts the rest.
func longestSteps(phases []Phase) (map[*Step]bool, int) {
	var all []*Step
	for i := range phases {
		for j := range phases[i].Steps {
			if !phases[i].Steps[j].Begin.IsZero() {
				all = append(all, &phases[i].Steps[j])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Step) int {
		aTook, _ := span(a.Begin, a.End)
		bTook, _ := span(b.Begin, b.End)
		return cmp.Compare(bTook, aTook)
	})
	shown := map[*Step]bool{}
	for _, st := range all[:min(len(all), maxStepRows)] {
		shown[st] = true
	}
	return shown, max(0, len(all)-maxStepRows)
}

// ticks returns six to twelve round points on the axis, counted from the start.
func ticks(s scale) []tick {
	steps := []time.Duration{
		10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	}
	step := steps[len(steps)-1]
	for _, candidate := range steps {
		if s.span/candidate <= 9 {
			step = candidate
			break
		}
	}
	for s.span/step > 12 {
		step *= 2
	}
	var all []tick
	for at := time.Duration(0); at <= s.span; at += step {
		all = append(all, tick{X: s.x(s.from.Add(at)), Label: duration(at)})
	}
	return all
}

// marks returns the instants that fall into the drawing.
func marks(in recovery.Instants, s scale) []tick {
	var all []tick
	for _, m := range []struct {
		name    string
		instant recovery.Instant
	}{{"data recovered", in.DataRecovered}, {"serving", in.Serving}, {"verified", in.Verified}} {
		at := m.instant.Corrected()
		if m.instant.Known && !at.Before(s.from) && !at.After(s.from.Add(s.span)) {
			x := s.x(at)
			all = append(all, tick{X: x, Label: m.name, End: true})
		}
	}
	// Two labels in one place would hide each other; the earlier one gives way.
	for i := len(all) - 2; i >= 0; i-- {
		if all[i+1].X-all[i].X < 8*float64(len(all[i+1].Label)) {
			all[i].Label = ""
		}
	}
	return all
}

func shorten(s string) string {
	runes := []rune(s)
	if len(runes) <= maxLabel {
		return s
	}
	return string(runes[:maxLabel-1]) + "…"
}
