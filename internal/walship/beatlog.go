package walship

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const openBeats = "open.jsonl"

// beatLog keeps acknowledged heartbeats on this host's disk until stores hold
// them. A line is fsynced before the next row is written, so that what the
// database acknowledged is known outside it even when both die.
type beatLog struct {
	dir  string
	file *os.File
	open []Beat // lines of the open file
	torn bool   // the open file may end with half a line, which nothing may follow
}

// openBeatLog takes up what an earlier process left. A last line that a crash
// cut short is dropped: its row is still in the database.
func openBeatLog(dir string) (*beatLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, classFile(err, "create %s", dir)
	}
	l := &beatLog{dir: dir}
	text, err := readBounded(filepath.Join(dir, openBeats), maxBeatBytes)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return nil, err
	}
	l.open = parseLines(text)
	return l, l.rewrite()
}

func parseLines(text []byte) []Beat {
	var beats []Beat
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var beat Beat
		if json.Unmarshal(lines.Bytes(), &beat) != nil || beat.validate() != nil {
			break
		}
		if len(beats) > 0 && beat.Seq <= beats[len(beats)-1].Seq {
			break
		}
		beats = append(beats, beat)
	}
	return beats
}

// rewrite makes the open file hold exactly the open beats.
func (l *beatLog) rewrite() error {
	l.torn = true // until a new file took its place, and is open
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, beat := range l.open {
		if err := encoder.Encode(beat); err != nil {
			return failure.Wrap(failure.Internal, err, "encode heartbeat")
		}
	}
	path := filepath.Join(l.dir, openBeats)
	if err := writeDurably(path, text.Bytes()); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return classFile(err, "open %s", path)
	}
	if l.file != nil {
		_ = l.file.Close() // replaced; every line was synced
	}
	l.file, l.torn = file, false
	return nil
}

// add appends one acknowledged beat and fsyncs it. After a failure, of a full disk for
// one, the file is written again first: a line behind half a line would be lost with it.
func (l *beatLog) add(beat Beat) error {
	if l.torn {
		if err := l.rewrite(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(beat)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode heartbeat")
	}
	_, err = l.file.Write(append(line, '\n'))
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.torn = true
		return classFile(err, "append heartbeat")
	}
	l.open = append(l.open, beat)
	return nil
}

// last returns the highest sequence this host knows of, 0 for none.
func (l *beatLog) last() uint64 {
	highest := uint64(0)
	if len(l.open) > 0 {
		highest = l.open[len(l.open)-1].Seq
	}
	for _, name := range l.closed() {
		if _, last, _, err := parseBeatName(filepath.Base(name)); err == nil {
			highest = max(highest, last)
		}
	}
	return highest
}

// roll turns the open beats into closed files, one per incarnation, and starts
// an empty open file. After a crash between the two a beat is in both; the store
// then holds two objects that agree.
func (l *beatLog) roll() error {
	if len(l.open) == 0 {
		return nil
	}
	for run := range slices.Values(runsOf(l.open)) {
		name, body, err := encodeBeats(run)
		if err != nil {
			return err
		}
		folder := filepath.Join(l.dir, run[0].Incarnation)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return classFile(err, "create %s", folder)
		}
		if err := writeDurably(filepath.Join(folder, name), body); err != nil {
			return err
		}
	}
	l.open = nil
	return l.rewrite()
}

// runsOf cuts beats where the incarnation changes.
func runsOf(beats []Beat) [][]Beat {
	var runs [][]Beat
	for i, beat := range beats {
		if i == 0 || beat.Incarnation != beats[i-1].Incarnation {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], beat)
	}
	return runs
}

// closed lists closed files as <incarnation>/<name>, oldest first.
func (l *beatLog) closed() []string {
	var names []string
	for _, folder := range dirNames(l.dir) {
		for _, name := range dirNames(filepath.Join(l.dir, folder)) {
			if strings.HasSuffix(name, ".json") {
				names = append(names, filepath.Join(folder, name))
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return names
}

// dirNames returns the names in dir; none when it is no directory.
func dirNames(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func (l *beatLog) read(name string) ([]byte, error) {
	return readBounded(filepath.Join(l.dir, name), maxBeatBytes)
}

func (l *beatLog) remove(name string) error {
	err := os.Remove(filepath.Join(l.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return classFile(err, "remove shipped heartbeats")
}

func (l *beatLog) close() error { return classFile(l.file.Close(), "close heartbeat log") }
