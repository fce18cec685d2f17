package archive

import (
	"sync"
	"time"
)

// Progress is how far a backup, restore or verification has come.
type Progress struct {
	BytesDone   int64 `json:"bytes_done"`  // of file content
	BytesTotal  int64 `json:"bytes_total"` // 0: not known
	FilesDone   int64 `json:"files_done"`
	StoredBytes int64 `json:"stored_bytes"` // ciphertext sent (backup) or fetched (restore)
}

const progressInterval = 200 * time.Millisecond

// meter counts and reports, at most once an interval.
type meter struct {
	mu     sync.Mutex
	now    Progress
	last   time.Time
	report func(Progress)
}

func newMeter(totalBytes int64, report func(Progress)) *meter {
	return &meter{now: Progress{BytesTotal: totalBytes}, report: report}
}

func (m *meter) add(bytes, files, stored int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.BytesDone += bytes
	m.now.FilesDone += files
	m.now.StoredBytes += stored
	if m.report != nil && time.Since(m.last) >= progressInterval {
		m.last = time.Now()
		m.report(m.now)
	}
}

// finish reports the last state.
func (m *meter) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.report != nil {
		m.report(m.now)
	}
}
