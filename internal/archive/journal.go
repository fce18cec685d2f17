package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// journal records the parts of a set that is not committed, one signed and
// synced line each, so that an attempt that follows a killed one uploads nothing
// twice. A line cut by a crash, and all after it, are ignored: their parts are
// stored again and the orphans removed by retention.
type journal struct {
	mu     sync.Mutex
	name   string
	file   *os.File
	signer keyring.Signer
}

// partRecord is one uploaded part.
type partRecord struct {
	Object  Object    `json:"object"`
	Key     KeyHeader `json:"key"`
	Members []member  `json:"members"`
}

// openJournal opens the set's journal and returns what it holds. The parts are
// looked up in the stores before they are used.
func openJournal(cfg Config) (*journal, []partRecord, error) {
	dir, err := stateDir(cfg)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{name: filepath.Join(dir, string(cfg.SetID)+".journal"), signer: cfg.Signer}
	content, err := os.ReadFile(j.name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, failure.Wrap(classOfFile(err), err, "read journal")
	}
	records, whole := parseJournal(content, cfg.Source, cfg.SetID, keyring.TrustAlways(cfg.Signer.Public()))
	if j.file, err = os.OpenFile(j.name, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, nil, failure.Wrap(classOfFile(err), err, "open journal")
	}
	if err := errors.Join(j.file.Truncate(int64(whole)), seekTo(j.file, int64(whole)), syncDir(dir)); err != nil {
		return nil, nil, errors.Join(failure.Wrap(classOfFile(err), err, "open journal"), j.file.Close())
	}
	return j, records, nil
}

func seekTo(f *os.File, offset int64) error {
	_, err := f.Seek(offset, 0)
	return err
}

// parseJournal returns the records up to the first line that is cut, forged or
// of another set, and the length of what they fill.
func parseJournal(content []byte, source string, set SetID, own keyring.Trust) (records []partRecord, wholeBytes int) {
	for line := range bytes.Lines(content) {
		if line[len(line)-1] != '\n' {
			break
		}
		payload, err := openLine(line[:len(line)-1], own)
		if err != nil {
			break
		}
		var record partRecord
		if err := json.Unmarshal(payload, &record); err != nil {
			break
		}
		if record.Object.Set != set || record.Object.validate(source, map[string]bool{record.Key.ID: true}) != nil {
			break
		}
		records = append(records, record)
		wholeBytes += len(line)
	}
	return records, wholeBytes
}

func (j *journal) append(record partRecord) error {
	payload, err := json.Marshal(record)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode journal record")
	}
	line, err := signLine(payload, j.signer)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(line); err != nil {
		return failure.Wrap(classOfFile(err), err, "write journal")
	}
	return failure.Wrap(failure.Unknown, j.file.Sync(), "sync journal")
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return failure.Wrap(failure.Unknown, err, "close journal")
}

// remove ends the journal of a committed set.
func (j *journal) remove() error {
	err := os.Remove(j.name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return failure.Wrap(classOfFile(err), err, "remove journal")
}
