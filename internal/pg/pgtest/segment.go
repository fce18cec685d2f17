package pgtest

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// EndSegment ends the segment that the server writes to and returns the name of
// the newest whole one: where nothing was written since the last end, that is
// the one that ended then. The server's own pg_walfile_name names the segment
// after it from 17 on. Segments are of the default size.
func (s *Server) EndSegment(t testing.TB) string {
	t.Helper()
	conn := s.Connect(t)
	text, err := pg.One[string](t.Context(), conn, "end a segment", "SELECT pg_switch_wal()::text")
	if err != nil {
		t.Fatal(err)
	}
	end, err := wal.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	timeline, err := pg.LiveTimeline(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	size := wal.DefaultSegmentSize
	return size.Name(size.SegmentAt(timeline, end-1))
}
