package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Flip inverts 16 bytes at offset of a file of the data directory.
func Flip(t testing.TB, s *Server, path string, offset int64) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(s.DataDir, path), os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("flip bytes: %v", err)
	}
	defer func() { _ = file.Close() }()
	content := make([]byte, 16)
	if _, err := file.ReadAt(content, offset); err != nil {
		t.Fatalf("flip bytes: %v", err)
	}
	for i := range content {
		content[i] = ^content[i]
	}
	if _, err := file.WriteAt(content, offset); err != nil {
		t.Fatalf("flip bytes: %v", err)
	}
}
