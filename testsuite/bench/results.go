package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// row is one measured comparison. Ratio is what Target bounds; see doc.go.
type row struct {
	Name    string   `json:"name"`
	Against string   `json:"against,omitempty"`
	Ours    *float64 `json:"ours"`
	Peer    *float64 `json:"peer"`            // null where ours is held against a limit
	Limit   float64  `json:"limit,omitempty"` // in unit
	Unit    string   `json:"unit"`
	Ratio   *float64 `json:"ratio"`
	Target  float64  `json:"target"`
	Error   string   `json:"error,omitempty"` // why it could not be measured
}

// results are one run of the benchmark.
type results struct {
	Measured time.Time           `json:"measured"`
	Took     float64             `json:"took_seconds"`
	Machine  machine             `json:"machine"`
	Size     int64               `json:"database_bytes"`
	Runs     int                 `json:"runs"`
	Cache    string              `json:"cache"` // cold or warm, at the start of each turn
	Versions map[string]string   `json:"versions"`
	Rows     []row               `json:"rows"`
	Raw      map[string][]sample `json:"raw"`   // by contender, in the order of the turns
	Notes    []string            `json:"notes"` // what a reader of the figures should know
}

// findings are what one group measured.
type findings struct {
	ours, peer map[string]float64 // by row
	raw        map[string][]sample
	notes      []string
}

func newFindings() *findings {
	return &findings{ours: map[string]float64{}, peer: map[string]float64{}, raw: map[string][]sample{}}
}

// compare records a row with a peer.
func (f *findings) compare(name string, ours, peer float64) { f.ours[name], f.peer[name] = ours, peer }

// faster records a row of two contenders that were measured by the clock; it does
// nothing for those that took no turns.
func (f *findings) faster(name, ours, peer string) {
	if len(f.raw[ours]) > 0 && len(f.raw[peer]) > 0 {
		f.compare(name, median(seconds(f.raw[ours])), median(seconds(f.raw[peer])))
	}
}

// limit records a row that is held against its limit.
func (f *findings) limit(name string, ours float64) { f.ours[name] = ours }

func (f *findings) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// add puts what a group found, or why it found nothing, into the results.
func (r *results) add(g group, wanted func(string) bool, found *findings, failed error) {
	for _, kind := range rowKinds() {
		if slices.Contains(g.rows, kind.name) && wanted(kind.name) {
			r.Rows = append(r.Rows, kind.row(found, failed))
		}
	}
	for name, samples := range found.raw {
		r.Raw[name] = samples
	}
	r.Notes = append(r.Notes, found.notes...)
}

func (k rowKind) row(found *findings, failed error) row {
	made := row{Name: k.name, Against: k.against, Unit: k.unit, Limit: k.limit, Target: k.target}
	ours, measured := found.ours[k.name]
	peer, compared := found.peer[k.name]
	switch {
	case measured && compared && k.against != "" && ours > 0 && peer > 0:
		ratio := ours / peer
		if k.rate {
			ratio = peer / ours
		}
		made.Ours, made.Peer, made.Ratio = &ours, &peer, &ratio
	case measured && k.against == "":
		ratio := ours / k.limit
		made.Ours, made.Ratio = &ours, &ratio
	case failed != nil:
		made.Error = failed.Error()
	default:
		made.Error = "nothing was measured"
	}
	return made
}

// failed is an error when a row could not be measured.
func (r *results) failed() error {
	var missing []string
	for _, one := range r.Rows {
		if one.Error != "" {
			missing = append(missing, one.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return failure.New(failure.CheckFailed, "not measured: %s", strings.Join(missing, "; "))
}

func (r *results) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the results")
	}
	return failure.Wrap(failure.Forbidden, os.WriteFile(path, append(text, '\n'), 0o644), "write the results")
}

const (
	tableBegins = "<!-- bench: begin -->"
	tableEnds   = "<!-- bench: end -->"
)

// document rewrites what lies between the two markers of a Markdown file.
func (r *results) document(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "read %s", path)
	}
	before, rest, begins := bytes.Cut(text, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return failure.New(failure.NotFound, "%s has not the lines %s and %s", path, tableBegins, tableEnds)
	}
	made := string(before) + tableBegins + "\n" + r.table() + tableEnds + string(after)
	return failure.Wrap(failure.Forbidden, os.WriteFile(path, []byte(made), 0o644), "write %s", path)
}

// table is the results as Markdown.
func (r *results) table() string {
	var out strings.Builder
	size := ""
	if r.Size > 0 {
		size = "Database of " + sizeText(r.Size) + ", "
	}
	fmt.Fprintf(&out, "%smedians of %d turns, %s page cache, %d cores (%s), %s; took %s.\n\n",
		size, r.Runs, r.Cache, r.Machine.Cores, r.Machine.Processor, r.Measured.Format(time.DateOnly), time.Duration(r.Took*float64(time.Second)).Round(time.Second))
	out.WriteString("| work | against | ours | peer or limit | ratio | target | |\n|---|---|--:|--:|--:|--:|---|\n")
	for _, one := range r.Rows {
		out.WriteString(one.line())
	}
	out.WriteString("\n")
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "- %s\n", note)
	}
	return out.String()
}

func (o row) line() string {
	if o.Error != "" {
		return fmt.Sprintf("| %s | %s | unknown | | | ≤ %.2f | not measured: %s |\n", o.Name, cell(o.Against), o.Target, firstLine(o.Error))
	}
	against, other := o.Against, o.Peer
	if other == nil {
		against, other = "limit", &o.Limit
	}
	return fmt.Sprintf("| %s | %s | %s %s | %s %s | %.2f | ≤ %.2f | %s |\n",
		o.Name, cell(against), figure(*o.Ours), o.Unit, figure(*other), o.Unit, *o.Ratio, o.Target, o.verdict())
}

// verdict says whether the target is met, and else by how much it is missed.
func (o row) verdict() string {
	if *o.Ratio <= o.Target {
		return "met"
	}
	return fmt.Sprintf("**missed by %.0f %%**", max(1, (*o.Ratio/o.Target-1)*100))
}

// figure prints three significant digits and no exponent.
func figure(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

func sizeText(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return cell(line[:min(len(line), 200)])
}

// cell is text that a Markdown table can hold.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
