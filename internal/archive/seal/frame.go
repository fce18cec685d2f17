package seal

import (
	"encoding/binary"
	"io"
)

const (
	seipdTag   = 0xC0 | 18
	literalTag = 0xC0 | 11
	// frameBytes is the size of one partial body; its power of two is in the length octet.
	framePower = 16
	frameBytes = 1 << framePower
)

// frameWriter writes one OpenPGP packet of unknown length as partial bodies
// (RFC 4880, 4.2.2.4).
type frameWriter struct {
	out    io.Writer
	tag    byte
	opened bool
	buf    []byte // one partial body, with room for tag and length before it
}

const frameHead = 2

func newFrameWriter(out io.Writer, tag byte) *frameWriter {
	return &frameWriter{out: out, tag: tag, buf: make([]byte, frameHead, frameHead+frameBytes)}
}

func (w *frameWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if len(w.buf) == cap(w.buf) { // full, and more follows: so it is a partial body
			if err := w.emit(); err != nil {
				return 0, err
			}
		}
		n := copy(w.buf[len(w.buf):cap(w.buf)], p)
		w.buf, p = w.buf[:len(w.buf)+n], p[n:]
	}
	return total, nil
}

func (w *frameWriter) emit() error {
	w.buf[0], w.buf[1] = w.tag, 224|framePower
	from := 0
	if w.opened {
		from = 1
	}
	w.opened = true
	_, err := w.out.Write(w.buf[from:])
	w.buf = w.buf[:frameHead]
	return err
}

// Close writes the last body with its exact length. It does not close out.
func (w *frameWriter) Close() error {
	var head []byte
	if !w.opened {
		head = append(head, w.tag)
	}
	head = append(head, 0xFF)
	head = binary.BigEndian.AppendUint32(head, uint32(len(w.buf)-frameHead)) //nolint:gosec // at most frameBytes
	if _, err := w.out.Write(head); err != nil {
		return err
	}
	_, err := w.out.Write(w.buf[frameHead:])
	return err
}
