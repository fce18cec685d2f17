package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	maxLineBytes  = 128 << 10 // an attribute's value in base64 is the longest
	maxSliceBytes = 32 << 20
)

// parseManifest reads a manifest for a descriptor with parts parts. Anything but
// what encodeManifest writes is failure.Corrupt naming the line.
func parseManifest(r io.Reader, parts int) (*Manifest, error) {
	p := &manifestParser{lines: bufio.NewScanner(r), parts: parts}
	p.lines.Buffer(make([]byte, 0, 4096), maxLineBytes)
	m, err := p.parse()
	if err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read manifest line %d", p.line)
	}
	return m, nil
}

type manifestParser struct {
	lines *bufio.Scanner
	line  int
	parts int
	asked xattrNames // of the head
	last  string     // path of the previous entry
}

func (p *manifestParser) parse() (*Manifest, error) {
	var head headLine
	if err := p.next(&head); err != nil {
		return nil, err
	}
	if head.Record != "manifest" || head.Format != FormatVersion || head.Parts != p.parts {
		return nil, failure.New(failure.Corrupt, "begins with record %.20q, format %d, %d parts", head.Record, head.Format, head.Parts)
	}
	var err error
	if p.asked, err = decodeXattrNames(head.Xattrs); err != nil {
		return nil, err
	}
	m := &Manifest{Set: head.Set, Source: head.Source, Counter: head.Counter, Previous: head.Previous, Parts: head.Parts, Xattrs: p.asked}
	slices := 0
	for {
		raw, err := p.raw()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(raw, []byte(`{"record":"end"`)) {
			return m, p.end(raw, len(m.Entries), slices)
		}
		entry, err := p.entry(raw)
		if err != nil {
			return nil, err
		}
		slices += len(entry.Slices)
		m.Entries = append(m.Entries, entry)
	}
}

func (p *manifestParser) raw() ([]byte, error) {
	if !p.lines.Scan() {
		if err := p.lines.Err(); err != nil {
			return nil, err
		}
		return nil, io.ErrUnexpectedEOF
	}
	p.line++
	return p.lines.Bytes(), nil
}

func (p *manifestParser) next(into any) error {
	raw, err := p.raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (p *manifestParser) end(raw []byte, entries, slices int) error {
	var end endLine
	if err := json.Unmarshal(raw, &end); err != nil {
		return err
	}
	if end.Entries != entries || end.Slices != slices || p.lines.Scan() {
		return failure.New(failure.Corrupt, "end says %d entries and %d slices, there are %d and %d", end.Entries, end.Slices, entries, slices)
	}
	return p.lines.Err()
}

func (p *manifestParser) entry(raw []byte) (Entry, error) {
	var line entryLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return Entry{}, err
	}
	entry, err := line.decode()
	if err != nil {
		return Entry{}, err
	}
	if p.last != "" && entry.Path <= p.last {
		return Entry{}, failure.New(failure.Corrupt, "entry %.80q is out of order", line.Path)
	}
	p.last = entry.Path
	if entry.Xattrs, err = p.xattrs(line.Xattrs); err != nil {
		return Entry{}, err
	}
	// Each slice needs a line, so the input's length bounds what is allocated.
	for range line.Slices {
		s, err := p.slice()
		if err != nil {
			return Entry{}, err
		}
		entry.Slices = append(entry.Slices, s)
	}
	return entry, entry.check()
}

func (l entryLine) decode() (Entry, error) {
	name, errPath := decodeName(l.Path)
	target, errTarget := decodeName(l.Target)
	mode, errMode := strconv.ParseUint(l.Mode, 8, 12)
	crc, errCRC := strconv.ParseUint(l.CRC32C, 16, 32)
	modified, errTime := time.Parse(time.RFC3339Nano, l.ModTime)
	for _, err := range []error{errPath, errTarget, errMode, errCRC, errTime, checkPath(name)} {
		if err != nil {
			return Entry{}, err
		}
	}
	if l.Record != "entry" || l.SizeBytes < 0 || l.Slices < 0 {
		return Entry{}, failure.New(failure.Corrupt, "record %.20q with %d slices", l.Record, l.Slices)
	}
	return Entry{
		Path: name, Type: l.Type, Mode: uint32(mode), UID: l.UID, GID: l.GID, ModTime: modified,
		SizeBytes: l.SizeBytes, Target: target, CRC32C: uint32(crc), Outcome: l.Outcome,
	}, nil
}

func (p *manifestParser) slice() (Slice, error) {
	var line sliceLine
	if err := p.next(&line); err != nil {
		return Slice{}, err
	}
	if line.Record != "slice" || line.Part < 0 || line.Part >= p.parts || line.SHA256.IsZero() || line.Member == "" ||
		line.SizeBytes <= 0 || line.SizeBytes > maxSliceBytes || line.Offset < 0 {
		return Slice{}, failure.New(failure.Corrupt, "slice is impossible")
	}
	return Slice{line.Offset, line.SizeBytes, line.SHA256, line.Part, line.Member}, nil
}

// check looks at the entry as a whole.
func (e *Entry) check() error {
	switch {
	case e.Type != TypeFile && e.Type != TypeDirectory && e.Type != TypeSymlink:
		return failure.New(failure.Corrupt, "entry %.80q has type %.20q", e.Path, e.Type)
	case e.Type != TypeFile && (len(e.Slices) > 0 || e.SizeBytes != 0):
		return failure.New(failure.Corrupt, "entry %.80q is no file but has content", e.Path)
	case len(e.Xattrs) > 0 && (e.Type == TypeSymlink || e.Outcome == Vanished):
		return failure.New(failure.Corrupt, "entry %.80q has extended attributes, which its type or outcome cannot", e.Path)
	case (e.Type == TypeSymlink) != (e.Target != ""):
		return failure.New(failure.Corrupt, "entry %.80q and its link target disagree", e.Path)
	}
	at := int64(0)
	for _, s := range e.Slices {
		if s.Offset < at || (s.Offset > at && e.Outcome != Shrunk) || s.SizeBytes > e.SizeBytes-s.Offset {
			return failure.New(failure.Corrupt, "slices of %.80q do not fit it", e.Path)
		}
		at = s.Offset + s.SizeBytes
	}
	if at != e.SizeBytes && e.Outcome != Shrunk && e.Outcome != Vanished {
		return failure.New(failure.Corrupt, "slices of %.80q cover %d of %d bytes", e.Path, at, e.SizeBytes)
	}
	return nil
}
