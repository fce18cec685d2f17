package s3_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
)

func isPut(r *http.Request) bool { return r.Method == http.MethodPut }

func isJoin(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "uploadId")
}

func isPiece(r *http.Request) bool {
	return isPut(r) && strings.Contains(r.URL.RawQuery, "partNumber=2")
}

func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/object")
}

// The answer to a Put that succeeded is lost, or refused once: the Put retries
// by itself, recognises its own object, and there is one version of it.
func TestPutSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	small, big := bytes.Repeat([]byte("s"), 5000), bytes.Repeat([]byte("b"), 11<<20)
	cases := map[string]struct {
		fault suite.Fault
		match func(*http.Request) bool
		data  []byte
	}{
		"whole, answer lost":   {suite.LoseAnswer, isPut, small},
		"whole, refused once":  {suite.RefuseOnce, isPut, small},
		"piece, answer lost":   {suite.LoseAnswer, isPiece, big},
		"piece, refused once":  {suite.RefuseOnce, isPiece, big},
		"joining, answer lost": {suite.LoseAnswer, isJoin, big},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t)
			decide, happened := suite.Once(c.fault, c.match)
			cfg := configFor(server, lockedBucket)
			direct := open(t, cfg)
			cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
			s := open(t, cfg)
			made := put(t, s, "object", c.data)
			if !happened() {
				t.Fatal("the fault never happened")
			}
			versions := 0
			for obj, err := range direct.List(t.Context(), "object", store.ListOptions{Versions: true}) {
				if err != nil || obj.Version != made.Version {
					t.Errorf("listed %+v, %v; put made %s", obj, err, made.Version)
				}
				versions++
			}
			if versions != 1 {
				t.Errorf("%d versions", versions)
			}
			if err := readAll(t, direct, "object"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A lost answer must not let a Put take another's identical object for its own.
func TestLostAnswerDoesNotClaimAnothersObject(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	decide, _ := suite.Once(suite.RefuseOnce, isPut)
	cfg := configFor(server, plainBucket)
	data := bytes.Repeat([]byte("x"), 5000)
	put(t, open(t, cfg), "object", data)
	cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
	_, err := open(t, cfg).Put(t.Context(), "object", bytes.NewReader(data),
		store.PutOptions{SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)})
	if !failure.Is(err, failure.Exists) {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}

// Bits flipped on the way are refused by the server, and leave nothing.
func TestFlippedOnTheWayIsRefused(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"whole": 5000, "pieces": 11 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t)
			decide, happened := suite.Once(suite.FlipRequest, isPut)
			cfg := configFor(server, plainBucket)
			direct := open(t, cfg)
			cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
			data := bytes.Repeat([]byte("x"), size)
			_, err := open(t, cfg).Put(t.Context(), "object", bytes.NewReader(data),
				store.PutOptions{SizeBytes: int64(size), SHA256: store.DigestOf(data)})
			if !failure.Is(err, failure.Corrupt) || !happened() {
				t.Errorf("got class %s: %v", failure.ClassOf(err), err)
			}
			if _, err := direct.Stat(t.Context(), "object", ""); !failure.Is(err, failure.NotFound) {
				t.Errorf("stat: %v", err)
			}
		})
	}
}

// An answer cut in the middle is Unavailable, so that the caller reads again;
// never a short object taken for whole.
func TestCutAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	decide, happened := suite.Once(suite.CutAnswer, isRead)
	cfg := configFor(server, plainBucket)
	cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
	s := open(t, cfg)
	put(t, s, "object", bytes.Repeat([]byte("x"), 50_000))
	if err := readAll(t, s, "object"); !failure.Is(err, failure.Unavailable) || !happened() {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
	if err := readAll(t, s, "object"); err != nil {
		t.Errorf("second reading: %v", err)
	}
}
