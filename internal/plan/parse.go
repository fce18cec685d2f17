package plan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Load reads and judges the plan in a file. The plan is nil where it could not
// be read at all; findings hold everything found. The error is nil where no
// finding is an error, else InvalidInput; NotFound or Forbidden where the file
// cannot be read.
func Load(path string) (*Plan, Findings, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	defer file.Close() //nolint:errcheck // only read from
	raw, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	return Parse(path, raw)
}

func fileError(path string, err error) error {
	class := failure.Unavailable
	switch {
	case errors.Is(err, os.ErrNotExist):
		class = failure.NotFound
	case errors.Is(err, os.ErrPermission):
		class = failure.Forbidden
	}
	return failure.Wrap(class, err, "read plan %q", path)
}

// Parse reads and judges a plan from bytes, as Load does; name stands for the
// file in findings.
func Parse(name string, raw []byte) (*Plan, Findings, error) {
	p, r := read(name, raw)
	if p != nil && len(r.findings) == 0 {
		judge(p, r, ForReading)
	}
	findings := r.done()
	return p, findings, findings.Err(name)
}

// read reads a plan without judging it. The plan is nil where the bytes are no
// YAML mapping; it is whole only where the reader has no findings.
func read(name string, raw []byte) (*Plan, *reader) {
	r := newReader(name, raw)
	if !r.guard(raw) {
		return nil, r
	}
	root := r.parse(raw)
	if root == nil {
		return nil, r
	}
	p := &Plan{source: source{name: name, hash: HashOf(raw)}}
	r.bind(root, reflect.ValueOf(p).Elem(), "")
	p.source.lines, p.source.positions = r.lines, r.positions
	return p, r
}

// parse returns the file's one mapping, or nil after a finding.
func (r *reader) parse(raw []byte) (root ast.Node) {
	defer func() {
		if caught := recover(); caught != nil {
			root = nil
			r.unreadable()
		}
	}()
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		r.fail(Position{}, "", fmt.Sprintf("the file holds %d documents, not one plan", len(file.Docs)), "keep one plan a file")
		return nil
	}
	return file.Docs[0].Body
}

func (r *reader) syntaxError(err error) {
	var positioned yaml.Error
	if !errors.As(err, &positioned) {
		r.fail(Position{}, "", "this is not YAML: "+clip(err.Error()), "check indentation and quotes")
		return
	}
	at := r.at(positioned.GetToken())
	finding := r.fail(at, "", "this is not YAML: "+clip(positioned.GetMessage()), "check indentation and quotes here and on the line before")
	if at.Column > 0 && at.Column-1 < len(finding.Excerpt) {
		finding.Excerpt = finding.Excerpt[:at.Column-1] + "…" // what follows may be a secret
	}
}

// Err is InvalidInput where a finding is an error, else nil.
func (f Findings) Err(name string) error {
	wrong := f.Errors()
	if len(wrong) == 0 {
		return nil
	}
	first := wrong[0]
	return failure.New(failure.InvalidInput, "plan %s has %d errors, the first at %s: %s",
		name, len(wrong), first.Position, first.Message).
		WithHint("starter plan check %s", name)
}
