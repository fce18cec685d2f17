package wal

import (
	"encoding/binary"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// PageHeaderBytes is the length of a page's header (SizeOfXLogShortPHD). A segment's
// first page has a longer one: HeaderBytes.
const PageHeaderBytes = 24

// Page is the header of any page of a segment (XLogPageHeaderData in
// src/include/access/xlog_internal.h).
type Page struct {
	Timeline  Timeline // of whoever wrote the page
	Address   LSN      // where it was written to: a recycled segment keeps old pages
	Continues bool     // it begins with the rest of a record of the page before
	Remaining uint32   // bytes of that rest, on this page and those after it
}

// ParsePage reads a page header, of a server of either byte order. It is Corrupt when
// that is not what page begins with.
func ParsePage(page []byte) (Page, error) {
	if len(page) < PageHeaderBytes {
		return Page{}, failure.New(failure.Corrupt, "%d bytes are too few for a WAL page header of %d", len(page), PageHeaderBytes)
	}
	order, err := orderOf(page)
	if err != nil {
		return Page{}, err
	}
	info := order.Uint16(page[2:])
	if info&^flagsAll != 0 {
		return Page{}, failure.New(failure.Corrupt, "page flags %#04x are not those of a WAL page", info)
	}
	return Page{
		Timeline: Timeline(order.Uint32(page[4:])), Address: LSN(order.Uint64(page[8:])),
		Continues: info&flagContinues != 0, Remaining: order.Uint32(page[16:]),
	}, nil
}

// orderOf finds a server's byte order: all magics are 0xD1xx.
func orderOf(page []byte) (binary.ByteOrder, error) {
	switch {
	case page[1] == 0xD1:
		return binary.LittleEndian, nil
	case page[0] == 0xD1:
		return binary.BigEndian, nil
	}
	return nil, failure.New(failure.Corrupt, "not a WAL page: begins with %02X %02X", page[0], page[1])
}
