package walship

import (
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// Status is what `wal status` prints and metrics are made from. Zero times mean
// "not since this daemon started"; a field without a value is unknown, not fine.
type Status struct {
	Source   string       `json:"source"`
	SystemID wal.SystemID `json:"system_id"`
	Started  time.Time    `json:"started"`

	Archived     int64     `json:"archived"` // files acknowledged
	Refused      int64     `json:"refused"`  // pushes not acknowledged
	LastArchived string    `json:"last_archived,omitempty"`
	LastPush     time.Time `json:"last_push,omitzero"` // acknowledged
	Fetched      int64     `json:"fetched"`
	Prefetched   int64     `json:"prefetched"` // of Fetched, how many were there already

	TailRunning     bool          `json:"tail_running"`
	TailTimeline    wal.Timeline  `json:"tail_timeline,omitzero"`
	TailReceived    wal.LSN       `json:"tail_received,omitzero"` // flushed by the server and received
	TailShipped     wal.LSN       `json:"tail_shipped,omitzero"`  // all before is held by the stores that archive.require asks for
	TailLagBytes    int64         `json:"tail_lag_bytes"`         // written by the server and not shipped; -1: unknown, while the tail rests or is down
	TailLag         time.Duration `json:"tail_lag_ns"`            // how old the oldest byte not shipped may be
	HeartbeatSeq    uint64        `json:"heartbeat_seq"`          // newest acknowledged by the database
	HeartbeatAt     time.Time     `json:"heartbeat_at,omitzero"`
	HeartbeatStored uint64        `json:"heartbeat_stored"` // newest that a store holds

	SpoolObjects   int   `json:"spool_objects"`
	SpoolBytes     int64 `json:"spool_bytes"`
	PgWALFreeBytes int64 `json:"pg_wal_free_bytes"` // -1: unknown

	Alarms []Event `json:"alarms"`
}

// meter gathers the numbers of Status.
type meter struct {
	mu     sync.Mutex
	status Status
	oldest time.Time // when the oldest unshipped byte was received, or may have been written
	end    wal.LSN   // how far the server said it has written; 0 while it is not asked
	gap    gap       // zero: all before what was shipped is held
}

// begin notes where a session begins, and how far the server has written.
func (m *meter) begin(where position, since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.TailShipped, m.status.TailReceived = where.from, where.from
	m.end, m.oldest = where.flushed, since
}

// ended notes that the server says no more.
func (m *meter) ended() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end = 0
}

// wrote notes how far the server has written.
func (m *meter) wrote(end wal.LSN) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end = max(m.end, end)
}

// missing notes a gap, or that there is none.
func (m *meter) missing(g gap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gap = g
}

func (m *meter) update(change func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.status)
}

func (m *meter) pending(since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.oldest = since
}

func (m *meter) snapshot(now time.Time) Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	status, oldest := m.status, m.oldest
	if m.gap.open() {
		status.TailShipped, oldest = m.gap.from, m.gap.since
	}
	status.TailLagBytes = -1
	if m.end > 0 {
		status.TailLagBytes = int64(max(m.end, status.TailReceived, status.TailShipped) - status.TailShipped)
	}
	if !oldest.IsZero() {
		status.TailLag = now.Sub(oldest)
	}
	return status
}
