package onset

import (
	"bufio"
	"context"
	"errors"
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
	Until    wal.LSN      `json:"until,omitzero"` // 0: to the end of what is valid
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

// maxLineBytes bounds one line; the rest of a longer one is skipped. A commit
// that drops 20 000 relations fits.
const maxLineBytes = 1 << 20

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
	reading := readLines(stdout, each)
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
	return judgeEnd(r, waiting, strings.TrimSpace(words.String())), nil
}

// judgeEnd: without an end pg_waldump always stops with an error at the end of
// valid WAL; whether that is where the log ends is for the caller to compare.
func judgeEnd(r Range, waiting error, words string) Ended {
	switch {
	case waiting == nil:
		return Ended{Complete: true}
	case r.Until == 0 && strings.Contains(words, "error in WAL record"):
		return Ended{Complete: true, Detail: words}
	default:
		return Ended{Detail: words}
	}
}

func readLines(from io.Reader, each func(record) error) error {
	reader := bufio.NewReaderSize(from, maxLineBytes)
	for {
		line, err := reader.ReadSlice('\n')
		if parsed, ok := parseLine(strings.TrimSuffix(string(line), "\n")); ok {
			if err := each(parsed); err != nil {
				return err
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = reader.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failure.Wrap(failure.Unavailable, err, "read pg_waldump")
		}
	}
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
