package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

//go:embed report.html.tmpl
var pageSource string

//go:embed report.css
var styleSource string

// page is what the template shows.
type page struct {
	Input
	Style     template.CSS // our own file, embedded at build time
	StyleHash string       // for the content security policy
	Result    Result
	Gantt     *gantt
	Split     []share
	Tables    []table
}

// HTML returns the report as one self-contained page.
func HTML(in Input) ([]byte, error) {
	style := strings.TrimSpace(styleSource)
	sum := sha256.Sum256([]byte(style))
	p := page{
		Input: in, Style: template.CSS(style), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]), //nolint:gosec // embedded file, not input
		Result: Conclude(in), Split: split(in.RTO), Tables: tables(in),
	}
	if g, ok := drawGantt(in); ok {
		p.Gantt = &g
	}
	parsed, err := template.New("report").Funcs(functions()).Parse(pageSource)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "parse report template")
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, p); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "write report")
	}
	return out.Bytes(), nil
}

func functions() template.FuncMap {
	return template.FuncMap{
		"date": date, "moment": moment, "amount": amount, "figure": figure, "objective": objective, "verdict": verdict,
		"uncertainty": uncertainty, "yesNo": yesNo, "orDash": orDash, "joined": joined, "tone": tone,
		"labelled": func(label string, f recovery.Figure) labelled { return labelled{label, f} },
		"plus":     func(a, b float64) float64 { return a + b },
		"minus":    func(a, b float64) float64 { return a - b },
	}
}

// labelled is a figure under its name.
type labelled struct {
	Label  string
	Figure recovery.Figure
}

// tone is the class a verdict's word is shown in.
func tone(word string) string {
	switch word {
	case "Met", "Yes", string(Recovered):
		return "good"
	case "Missed", "No", string(Failed), string(Aborted), string(RolledBack):
		return "bad"
	case "Accepted", "–":
		return "plain"
	}
	return "unsure"
}

// share is one part of the recovery time in the bar that splits it.
type share struct {
	Class, Label, Value string
	X, W                float64 // of 1000
	Percent             int
}

// split divides the recovery time by who spent it; nil when that is not known.
func split(r recovery.RTOResult) []share {
	total := float64(r.Total.Duration)
	if !r.Total.Known || !r.Human.Known || !r.Machine.Known || total <= 0 {
		return nil
	}
	var x float64
	var shares []share
	for _, part := range []struct {
		class, label string
		amount       recovery.Amount
	}{{"undetected", "Undetected", r.Undetected}, {"human", "Human wait", r.Human}, {"machine", "Machine time", r.Machine}} {
		w := 1000 * float64(part.amount.Duration) / total
		shares = append(shares, share{Class: part.class, Label: part.label, Value: amount(part.amount), X: x, W: w, Percent: int(w/10 + 0.5)})
		x += w
	}
	return shares
}
