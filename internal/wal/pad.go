package wal

import (
	"errors"
	"io"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// PadTail returns the streamed tail of segment seg as the whole segment that
// recovery reads: its bytes up to validTo, then zeros, which end replay cleanly.
// Bytes beyond validTo are dropped, not trusted. Padding twice changes nothing.
func (s SegmentSize) PadTail(seg Segment, tail []byte, validTo LSN) ([]byte, error) {
	start := s.Start(seg)
	if validTo <= start || validTo > start+LSN(s) || LSN(len(tail)) < validTo-start {
		return nil, failure.New(failure.Corrupt, "tail of %s has %d bytes; they do not reach from %s to %s", s.Name(seg), len(tail), start, validTo)
	}
	whole := make([]byte, s)
	copy(whole, tail[:validTo-start])
	return whole, nil
}

// PadReader is PadTail for a stream: it yields validBytes bytes of tail and then
// zeros up to the segment's size. A tail that ends early is failure.Corrupt.
func (s SegmentSize) PadReader(tail io.Reader, validBytes int64) io.Reader {
	return &padReader{tail: tail, valid: validBytes, left: int64(s)}
}

type padReader struct {
	tail  io.Reader
	valid int64 // still to be read from tail
	left  int64 // still to be yielded
}

// Read implements io.Reader.
func (p *padReader) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.left)]
	if p.valid > 0 {
		n, err := p.tail.Read(b[:min(int64(len(b)), p.valid)])
		p.valid, p.left = p.valid-int64(n), p.left-int64(n)
		if errors.Is(err, io.EOF) && p.valid > 0 {
			return n, failure.New(failure.Corrupt, "the tail ends %d bytes early", p.valid)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return n, err
	}
	clear(b)
	p.left -= int64(len(b))
	return len(b), nil
}
