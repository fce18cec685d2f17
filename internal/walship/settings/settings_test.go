package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const minimal = `
source: orders
system_id: "7301234567890123456"
data_dir: /var/lib/pg
socket: /run/wal.sock
worker: /usr/bin/worker
spool: {dir: /var/spool/wal}
stores:
  - {name: here, provider: file, dir: /srv/store}
`

func TestParseFillsDefaults(t *testing.T) {
	t.Parallel()
	s, err := settings.Parse([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if s.SystemID != 7301234567890123456 || s.SegmentSizeBytes != 16<<20 || s.Archive.Require != settings.RequireAny ||
		s.Archive.OnStoresDown != settings.Hold || s.Tail.Interval != 2*time.Second || s.Heartbeat.Interval != time.Second {
		t.Errorf("defaults are %+v", s)
	}
	if s.Fetch.TailTimeline != 0 {
		t.Error("the unfinished segment must be forbidden by default")
	}
}

func TestParseReadsJSON(t *testing.T) {
	t.Parallel()
	_, err := settings.Parse([]byte(`{"source":"orders","system_id":"7","data_dir":"/d","socket":"/s","worker":"/w",
		"spool":{"dir":"/p"},"stores":[{"name":"a","provider":"s3","bucket":"b"}],"tail":{"interval":"500ms"}}`))
	if err != nil {
		t.Fatal(err)
	}
}

// TestParseWithoutWorker: only what never archives may do without one.
func TestParseWithoutWorker(t *testing.T) {
	t.Parallel()
	s, err := settings.Parse([]byte(strings.Replace(minimal, "worker: /usr/bin/worker", "read_only: true", 1)))
	if err != nil || s.Worker != "" {
		t.Errorf("got worker %q, %v", s.Worker, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ from, to, say string }{
		"unknown key":       {"worker:", "werker:", "werker"},
		"no worker":         {"worker: /usr/bin/worker", "", "worker"},
		"relative path":     {"/run/wal.sock", "wal.sock", "socket"},
		"path not clean":    {"/var/lib/pg", "/var/lib/../pg", "data_dir"},
		"long socket":       {"/run/wal.sock", "/" + strings.Repeat("s", 120), "socket"},
		"no system":         {`"7301234567890123456"`, `"0"`, "system_id"},
		"source with slash": {"orders", "a/b", "source"},
		"unknown provider":  {"provider: file", "provider: ftp", "provider"},
		"small spool":       {"dir: /var/spool/wal", "dir: /var/spool/wal, max_bytes: 1", "max_bytes"},
		"store twice":       {"stores:", "stores:\n  - {name: here, provider: file, dir: /b}", "twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings.Parse([]byte(strings.Replace(minimal, c.from, c.to, 1)))
			if !failure.Is(err, failure.InvalidInput) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want InvalidInput naming %q", err, c.say)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("archive: {require: any, patience: 3s}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := settings.Parse(text)
		if err != nil && !failure.Is(err, failure.InvalidInput) {
			t.Errorf("class %s, want InvalidInput", failure.ClassOf(err))
		}
		if err == nil && (s.SystemID == 0 || len(s.Stores) == 0 || !s.SegmentSizeBytes.Valid()) {
			t.Errorf("accepted %+v", s)
		}
	})
}
