package walship

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Repair is one damaged or missing copy that another store made good. They are
// appended as JSON lines to repairs.jsonl in the spool, for the report.
type Repair struct {
	At     time.Time `json:"at"`
	Object string    `json:"object"`
	Store  string    `json:"store"` // whose copy was bad
	Reason string    `json:"reason"`
}

// RepairsFile is the file's name in the spool directory.
const RepairsFile = "repairs.jsonl"

// maxRepairsBytes bounds what is read of the log: some hundred thousand repairs.
const maxRepairsBytes = 64 << 20

// ReadRepairs returns what the spool's log of repairs holds; none where there is no
// log. With an error it returns what could be read all the same: Corrupt where lines
// are damaged, as a process that was killed may leave the last one.
func ReadRepairs(spoolDir string) ([]Repair, error) {
	path := filepath.Join(spoolDir, RepairsFile)
	text, err := readBounded(path, maxRepairsBytes)
	if failure.Is(err, failure.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var repairs []Repair
	damaged := 0
	for line := range bytes.Lines(text) {
		var one Repair
		if json.Unmarshal(line, &one) != nil || one.Object == "" {
			damaged++
			continue
		}
		repairs = append(repairs, one)
	}
	if damaged > 0 {
		return repairs, failure.New(failure.Corrupt, "%d lines of %s cannot be read", damaged, path)
	}
	return repairs, nil
}

type repairsLog struct {
	path string
	mu   sync.Mutex
}

func openRepairsLog(spoolDir string) (*repairsLog, error) {
	if err := os.MkdirAll(spoolDir, 0o700); err != nil {
		return nil, classFile(err, "create spool %s", spoolDir)
	}
	return &repairsLog{path: filepath.Join(spoolDir, RepairsFile)}, nil
}

func (l *repairsLog) add(r Repair) error {
	line, err := json.Marshal(r)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode repair")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return classFile(err, "open %s", l.path)
	}
	_, err = file.Write(append(line, '\n'))
	return classFile(errors.Join(err, file.Close()), "append to %s", l.path)
}
