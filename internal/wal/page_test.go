package wal_test

import (
	"encoding/binary"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func TestParsePage(t *testing.T) {
	t.Parallel()
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		page := func(magic, info uint16) []byte {
			b := order.AppendUint16(order.AppendUint16(nil, magic), info)
			b = order.AppendUint64(order.AppendUint32(b, 3), 7<<24+8192)
			return order.AppendUint32(order.AppendUint32(b, 500), 0)
		}
		got, err := wal.ParsePage(page(0xD110, 0x0001))
		if want := (wal.Page{Timeline: 3, Address: 7<<24 + 8192, Continues: true, Remaining: 500}); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if got, err := wal.ParsePage(page(0xD110, 0x0002)); err != nil || got.Continues {
			t.Errorf("a page that begins with a record of its own: %+v, %v", got, err)
		}
		for name, bad := range map[string][]byte{
			"short": page(0xD110, 1)[:23], "no WAL": page(0xC110, 1), "unknown flags": page(0xD110, 0x11), "zeros": make([]byte, 24), "nothing": nil,
		} {
			if _, err := wal.ParsePage(bad); !failure.Is(err, failure.Corrupt) {
				t.Errorf("%s: %v, want Corrupt", name, err)
			}
		}
	}
}
