package chaos_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestL8WhatIsNotWholeWALIsNotArchived: push refuses it with PostgreSQL's own
// protocol (an exit status above 0: keep it and try again), and no store holds it.
func TestL8WhatIsNotWholeWALIsNotArchived(t *testing.T) {
	b := shared(t)
	must(t, b.switchWAL())
	whole, name := b.segmentOnDisk(t)
	odd := name[:8] + "0000FFFF" + name[16:] // a segment that this server will never write
	// xlp_pageaddr and xlp_sysid of the long header of its first page
	binary.LittleEndian.PutUint64(whole[8:], 0xFFFF_0000_0000|binary.LittleEndian.Uint64(whole[8:])&0xFFFF_FFFF)
	foreign := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(foreign[24:], ^binary.LittleEndian.Uint64(whole[24:]))
	for fault, content := range map[string][]byte{shortSegment: whole[:len(whole)-8192], foreignSegment: foreign} {
		t.Run(fault, func(t *testing.T) {
			path := filepath.Join(b.Primary.DataDir, "pg_wal", odd)
			must(t, os.WriteFile(path, content, 0o600))
			must(t, os.Chown(path, int(b.Account().UID), int(b.Account().GID)))
			defer os.Remove(path)
			push := b.Command(b.ctx, "wal", "--config", b.WALSettings(b.Primary.Host), "push", "pg_wal/"+odd)
			push.Dir = b.Primary.DataDir
			out, err := push.CombinedOutput()
			if err == nil || push.ProcessState.ExitCode() <= 0 {
				t.Fatalf("push exits with %v: %s", push.ProcessState, out)
			}
			c := b.copies(t)
			for in := range c.stores {
				if held := c.keys(in, "v1/"+b.Stack.Database().Name+"/wal/", odd); len(held) > 0 {
					t.Errorf("store %s holds %v", c.stores[in].Name(), held)
				}
			}
			told(t, fault, "refused: "+firstLine(out), fmt.Sprintf("exit status %d; no store holds it", push.ProcessState.ExitCode()))
		})
	}
	b.requireRepaired(t) // archiving goes on, and the alarm is over
}

// segmentOnDisk is a whole segment of the primary.
func (b *bed) segmentOnDisk(t *testing.T) (content []byte, name string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.Primary.DataDir, "pg_wal"))
	must(t, err)
	for _, entry := range entries {
		if len(entry.Name()) == 24 && entry.Type().IsRegular() {
			content, err = os.ReadFile(filepath.Join(b.Primary.DataDir, "pg_wal", entry.Name()))
			must(t, err)
			return content, entry.Name()
		}
	}
	t.Fatal("pg_wal holds no segment")
	return nil, ""
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
