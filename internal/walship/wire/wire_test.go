package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	var buffer bytes.Buffer
	want := wire.Request{Verb: wire.Fetch, Name: "000000010000000000000001", Path: "pg_wal/RECOVERYXLOG"}
	if err := wire.Write(&buffer, want); err != nil {
		t.Fatal(err)
	}
	var got wire.Request
	if err := wire.Read(&buffer, &got); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadRefusesAnOversizedFrame(t *testing.T) {
	t.Parallel()
	var got wire.Request
	head := binary.BigEndian.AppendUint32(nil, wire.MaxFrameBytes+1)
	if err := wire.Read(bytes.NewReader(head), &got); !failure.Is(err, failure.InvalidInput) {
		t.Errorf("got %v", err)
	}
}

func TestAskWithoutDaemon(t *testing.T) {
	t.Parallel()
	_, err := wire.Ask(t.Context(), filepath.Join(t.TempDir(), "none"), wire.Request{Verb: wire.Status}, time.Second)
	if !errors.Is(err, wire.ErrNoDaemon) {
		t.Errorf("got %v, want ErrNoDaemon", err)
	}
}

func TestL29ExitCodesNeverTakeTroubleForTheEndOfWAL(t *testing.T) {
	t.Parallel()
	for _, class := range []failure.Class{
		failure.Unavailable, failure.Unknown, failure.Corrupt, failure.Forbidden, failure.Exists,
		failure.Internal, failure.InvalidInput, failure.IdentityMismatch, failure.Class("new"),
	} {
		if code := wire.FetchExit(failure.New(class, "x")); code != wire.FetchAbort {
			t.Errorf("fetch with %s exits %d", class, code)
		}
		if code := wire.PushExit(failure.New(class, "x")); code < 2 || code > 125 {
			t.Errorf("push with %s exits %d", class, code)
		}
	}
	crash := wire.Guard(func() error { panic("x") })
	if wire.FetchExit(crash) != wire.FetchAbort {
		t.Errorf("a crash exits %d", wire.FetchExit(crash))
	}
	if wire.FetchExit(nil) != 0 || wire.FetchExit(failure.New(failure.NotFound, "x")) != 1 || wire.PushExit(nil) != 0 {
		t.Error("the plain outcomes have other codes")
	}
}

func FuzzRead(f *testing.F) {
	for _, body := range []string{`{"verb":"push","path":"pg_wal/0"}`, `{"verb":"status"}`, `{`, `{}{}`, strings.Repeat("[", 99)} {
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var request wire.Request
		if err := wire.Read(bytes.NewReader(raw), &request); err != nil {
			return
		}
		if request.Validate() != nil {
			return
		}
		if strings.ContainsRune(request.Path, 0) || len(request.Path) > 4096 {
			t.Errorf("accepted %+v", request)
		}
	})
}
