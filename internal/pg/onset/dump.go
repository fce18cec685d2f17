package onset

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Range is a stretch of WAL on one timeline in one directory of segments.
type Range struct {
	Dir      string       `json:"dir"` // pg_wal, or where segments were fetched
	Timeline wal.Timeline `json:"timeline"`
	From     wal.LSN      `json:"from"`
	Until    wal.LSN      `json:"until,omitzero"`   // 0: to the end of the log, which nobody writes to meanwhile
	Reaches  wal.LSN      `json:"reaches,omitzero"` // without Until: the log is known not to end before; 0: nothing is known
}

func (r Range) check() error {
	if r.Dir == "" || r.Timeline == 0 || r.From == 0 || r.Until != 0 && r.Until <= r.From {
		return failure.Invalid("range", "needs dir, timeline and from, and until after from: %+v", r)
	}
	return nil
}

func (r Range) arguments() []string {
	args := []string{"-p", r.Dir, "-t", strconv.FormatUint(uint64(r.Timeline), 10), "-s", r.From.String()}
	if r.Until != 0 {
		args = append(args, "-e", r.Until.String())
	}
	return args
}

// Bounds of one line. The longest is of a commit with as many subtransactions and
// dropped relations as a transaction may have here; a longer one is not read whole.
const (
	usualLineBytes = 64 << 10
	maxLineBytes   = 16 << 20
)

// Ended says why reading stopped.
type Ended struct {
	Complete bool   `json:"complete"` // the whole range was read
	Detail   string `json:"detail,omitempty"`
}

// dump streams the range's records to each.
func dump(ctx context.Context, programs pg.Programs, r Range, each func(record) error) (Ended, error) {
	if err := r.check(); err != nil {
		return Ended{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := programs.Command(ctx, "pg_waldump", r.arguments()...)
	words := &strings.Builder{}
	cmd.Stderr = &limited{to: words, left: 4096}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Ended{}, failure.Wrap(failure.Internal, err, "run pg_waldump")
	}
	if err := cmd.Start(); err != nil {
		return Ended{}, failure.Wrap(failure.Unavailable, err, "run pg_waldump")
	}
	lines := lines{each: each}
	reading := lines.read(stdout, maxLineBytes)
	if reading != nil {
		cancel()
	}
	waiting := cmd.Wait()
	if reading != nil {
		return Ended{}, reading
	}
	if err := ctx.Err(); err != nil {
		return Ended{}, failure.Wrap(failure.Unavailable, err, "read WAL")
	}
	return lines.ended(r, waiting, strings.TrimSpace(words.String())), nil
}

// lines are what pg_waldump printed of one range.
type lines struct {
	each func(record) error
	last string  // the newest whole one
	cut  wal.LSN // of the newest record that matters and was too long to be read whole; 0: none
}

func (l *lines) read(from io.Reader, limitBytes int) error {
	reader := bufio.NewReaderSize(from, usualLineBytes)
	var long []byte // what was read of a longer line, at most limitBytes
	for {
		part, err := reader.ReadSlice('\n')
		over := len(long)+len(part) > limitBytes
		if long != nil || err != nil {
			long = append(long, part[:min(len(part), limitBytes-len(long))]...)
			part = long
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF): // what was being printed when pg_waldump ended is no record
			return nil
		case err != nil:
			return failure.Wrap(failure.Unavailable, err, "read pg_waldump")
		}
		long = nil
		if err := l.take(strings.TrimSuffix(string(part), "\n"), over); err != nil {
			return err
		}
	}
}

func (l *lines) take(line string, cut bool) error {
	if strings.HasPrefix(line, "rmgr: ") {
		l.last = line
	}
	parsed, ok := parseLine(line)
	if !ok {
		return nil
	}
	if cut {
		l.cut = parsed.lsn
	}
	return l.each(parsed)
}

// ended judges whether all of a range was read. pg_waldump's status and words tell the
// end of the log from damage in it only where it was given an end, and even then not
// where a damaged length leads beyond that: so what lies where it stopped is read too.
func (l *lines) ended(r Range, waiting error, words string) Ended {
	last, found := parsePlace(l.last)
	switch {
	case l.cut != 0:
		return Ended{Detail: fmt.Sprintf("the record at %s is described in more than %d bytes: it was not read whole", l.cut, maxLineBytes)}
	case !found || r.Until != 0 && waiting != nil:
		return Ended{Detail: cmp.Or(words, "no record was found")}
	}
	if err := stopped(r, last); err != nil {
		return Ended{Detail: strings.TrimSuffix(err.Error()+": "+words, ": ")}
	}
	return Ended{Complete: true, Detail: words}
}

// stopped returns nil where all of a range was read with its last record.
func stopped(r Range, last place) error {
	tail, err := tailOf(r)
	if err != nil {
		return err
	}
	at := tail.after(last)
	switch {
	case r.Until != 0:
		return tail.reaches(at, r.Until)
	case at < r.Reaches:
		return failure.New(failure.Corrupt, "the log cannot be read at %s, and the server knew that it reaches %s", at, r.Reaches)
	}
	return tail.endsAt(at)
}

// limited keeps the first bytes written to it.
type limited struct {
	to   *strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	kept := p[:min(len(p), l.left)]
	l.left -= len(kept)
	l.to.Write(kept)
	return len(p), nil
}
