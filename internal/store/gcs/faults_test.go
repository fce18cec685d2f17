package gcs_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
)

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload/")
}

func putOptions(data []byte) store.PutOptions {
	return store.PutOptions{SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)}
}

// The answer to a Put that succeeded is lost, or refused once: the Put retries
// by itself and recognises its own object.
func TestPutSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]suite.Fault{"lost": suite.LoseAnswer, "refused": suite.RefuseOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, true)
			decide, happened := suite.Once(fault, isUpload)
			cfg := configFor(server)
			cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
			s, data := open(t, cfg), bytes.Repeat([]byte("x"), 5000)
			made, err := s.Put(t.Context(), "object", bytes.NewReader(data), putOptions(data))
			if err != nil || !happened() {
				t.Fatalf("class %s: %v", failure.ClassOf(err), err)
			}
			if there, err := s.Stat(t.Context(), "object", ""); err != nil || there != made {
				t.Errorf("there is %+v, %v; put made %+v", there, err, made)
			}
		})
	}
}

// A lost answer must not let a Put take another's identical object for its own.
func TestLostAnswerDoesNotClaimAnothersObject(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	decide, _ := suite.Once(suite.RefuseOnce, isUpload)
	cfg := configFor(server)
	data := bytes.Repeat([]byte("x"), 5000)
	if _, err := open(t, cfg).Put(t.Context(), "object", bytes.NewReader(data), putOptions(data)); err != nil {
		t.Fatal(err)
	}
	cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
	_, err := open(t, cfg).Put(t.Context(), "object", bytes.NewReader(data), putOptions(data))
	if !failure.Is(err, failure.Exists) {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}

// Bits flipped on the way are found. Google refuses them; the emulator keeps the
// object and only the answer's checksum shows it.
func TestFlippedOnTheWayIsFound(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	decide, happened := suite.Once(suite.FlipRequest, isUpload)
	cfg := configFor(server)
	cfg.Endpoint = suite.FaultyLine(t, server.Endpoint, decide)
	data := bytes.Repeat([]byte("x"), 5000)
	_, err := open(t, cfg).Put(t.Context(), "object", bytes.NewReader(data), putOptions(data))
	if !failure.Is(err, failure.Corrupt) || !happened() {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}
