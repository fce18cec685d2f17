package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 4880, 5.14 fixes SHA-1 for the modification detection code
	"crypto/subtle"
	"errors"
	"hash"
	"io"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	blockBytes   = aes.BlockSize
	prefixBytes  = blockBytes + 2 // random block, last two bytes repeated
	mdcTag       = 0xD3           // new-format packet 19
	mdcBytes     = 2 + sha1.Size
	cfbBufBytes  = 32 << 10
	seipdVersion = 1
)

// stepBytes are one block of SHA-1 and of SHA-256, and four of AES.
const stepBytes = 64

// cfbWriter encrypts to RFC 4880's SEIPD version 1 body: full-block CFB with a
// zero IV over prefix, content and modification detection code.
//
// Each block of the cipher waits for the one before it, and so it is with each block
// of the code's SHA-1 and of the tally's SHA-256. Done in short steps in turn, the
// processor works on all three at once: in two thirds of the time they take one after
// the other (BenchmarkSums).
type cfbWriter struct {
	out   io.WriteCloser // takes the packet body
	tally *Tally         // of an earlier part of the message; may be nil
	block cipher.Block
	next  [blockBytes]byte // key stream for the next block
	buf   []byte           // plaintext not yet encrypted
	mdc   hash.Hash
	ended bool // mdc has seen all of the content
}

func newCFBWriter(out io.WriteCloser, tally *Tally, key []byte) (*cfbWriter, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make cipher")
	}
	if _, err := out.Write([]byte{seipdVersion}); err != nil {
		return nil, err
	}
	w := &cfbWriter{out: out, tally: tally, block: block, buf: make([]byte, 0, cfbBufBytes), mdc: sha1.New()} //nolint:gosec // see import
	block.Encrypt(w.next[:], w.next[:])
	var prefix [prefixBytes]byte
	if _, err := rand.Read(prefix[:blockBytes]); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make random prefix")
	}
	copy(prefix[blockBytes:], prefix[blockBytes-2:blockBytes])
	_, err = w.Write(prefix[:])
	return w, err
}

func (w *cfbWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := copy(w.buf[len(w.buf):cap(w.buf)], p)
		w.buf, p = w.buf[:len(w.buf)+n], p[n:]
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

// flush encrypts the buffer in place. Only the last flush has a partial block.
func (w *cfbWriter) flush() error {
	for left := w.buf; len(left) > 0; {
		step := left[:min(stepBytes, len(left))]
		w.tally.step()
		if !w.ended {
			w.mdc.Write(step)
		}
		w.encrypt(step)
		left = left[len(step):]
	}
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *cfbWriter) encrypt(p []byte) {
	for len(p) >= blockBytes {
		block := p[:blockBytes]
		subtle.XORBytes(block, block, w.next[:])
		w.block.Encrypt(w.next[:], block)
		p = p[blockBytes:]
	}
	subtle.XORBytes(p, p, w.next[:])
}

func (w *cfbWriter) Close() error {
	trailer := []byte{mdcTag, sha1.Size}
	w.mdc.Write(w.buf)
	w.mdc.Write(trailer)
	w.ended = true
	if _, err := w.Write(w.mdc.Sum(trailer)); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.out.Close()
}

// cfbReader decrypts what cfbWriter wrote and answers io.EOF only when the
// modification detection code is right.
type cfbReader struct {
	in       io.Reader
	block    cipher.Block
	feedback [blockBytes]byte
	cipher   [cfbBufBytes]byte
	stream   [cfbBufBytes]byte
	plain    []byte    // decrypted, not yet handed out; its last mdcBytes are held back until the end
	store    []byte    // backing array of plain
	mdc      hash.Hash // nil: not computed
	skip     int       // bytes of the random prefix still to drop
	done     bool
}

// newCFBReader decrypts in. Where the caller knows the ciphertext to be right by a
// digest better than SHA-1, the code's own sum adds nothing and is not computed.
func newCFBReader(in io.Reader, key []byte, checked bool) (*cfbReader, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make cipher")
	}
	r := &cfbReader{in: in, block: block, skip: prefixBytes, store: make([]byte, 0, cfbBufBytes+mdcBytes)}
	if !checked {
		r.mdc = sha1.New() //nolint:gosec // see import
	}
	return r, nil
}

func (r *cfbReader) Read(p []byte) (int, error) {
	for {
		if ready := len(r.plain) - mdcBytes; ready > 0 && !r.done {
			n := copy(p, r.plain[:ready])
			r.hash(r.plain[:n])
			r.plain = r.plain[n:]
			if drop := min(r.skip, n); drop > 0 {
				r.skip -= drop
				n = copy(p, p[drop:n])
			}
			if n > 0 || len(p) == 0 {
				return n, nil
			}
			continue
		}
		if r.done {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
}

func (r *cfbReader) hash(plain []byte) {
	if r.mdc != nil {
		r.mdc.Write(plain)
	}
}

// fill decrypts the next buffer, or checks the code at the end.
func (r *cfbReader) fill() error {
	n, err := io.ReadFull(r.in, r.cipher[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return r.finish()
	}
	if err != nil && (n == 0 || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return err
	}
	r.decrypt(n)
	r.plain = append(r.store[:0], r.plain...)
	r.plain = append(r.plain, r.stream[:n]...)
	return nil
}

// decrypt turns the first n bytes of cipher into plaintext in stream. The blocks
// do not depend on one another, so the processor overlaps them.
func (r *cfbReader) decrypt(n int) {
	whole := n &^ (blockBytes - 1)
	r.block.Encrypt(r.stream[:blockBytes], r.feedback[:])
	last := whole
	if whole == n {
		last = whole - blockBytes
	}
	for i := 0; i < last; i += blockBytes {
		r.block.Encrypt(r.stream[i+blockBytes:i+2*blockBytes], r.cipher[i:i+blockBytes])
	}
	if whole == n {
		copy(r.feedback[:], r.cipher[last:n])
	}
	subtle.XORBytes(r.stream[:n], r.stream[:n], r.cipher[:n])
}

func (r *cfbReader) finish() error {
	if len(r.plain) != mdcBytes {
		return failure.New(failure.Corrupt, "encrypted content is cut short")
	}
	r.done = true
	want := []byte{mdcTag, sha1.Size}
	if r.mdc != nil {
		r.mdc.Write(want)
		want = r.mdc.Sum(want)
	}
	if subtle.ConstantTimeCompare(want, r.plain[:len(want)]) != 1 {
		return failure.New(failure.Corrupt, "modification detection code does not match: wrong key or changed bytes")
	}
	return io.EOF
}
