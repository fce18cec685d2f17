package onset

import (
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// record is what one line of pg_waldump says, as far as it matters here.
type record struct {
	manager  string
	xid      uint32
	lsn      wal.LSN
	what     string // first word of the description
	detail   string // the rest
	relation page.RelFile
}

// parseLine reads one line; ok is false for lines that matter to nobody here
// (indexes, standby records, notices). The format, stable from 13 to 18, is
// printed by XLogDumpDisplayRecord in src/bin/pg_waldump/pg_waldump.c.
func parseLine(line string) (r record, ok bool) {
	rest, found := strings.CutPrefix(line, "rmgr: ")
	if !found {
		return r, false
	}
	manager, rest, _ := strings.Cut(rest, " ")
	switch manager {
	case "Heap", "Heap2", "Transaction", "Storage", "Standby", "XLOG":
	default:
		return r, false
	}
	head, description, found := strings.Cut(rest, ", desc: ")
	if !found {
		return r, false
	}
	r.manager = manager
	r.xid = uint32(number(field(head, "tx:")))
	var err error
	if r.lsn, err = wal.ParseLSN(field(head, "lsn: ")); err != nil {
		return r, false
	}
	r.what, r.detail, _ = strings.Cut(description, " ")
	r.relation = relationOf(r.detail)
	return r, true
}

// place is where one record of any kind lies.
type place struct {
	at       wal.LSN
	length   uint32 // in bytes, headers of pages not counted
	switches bool   // it ends its segment: what follows begins the next
}

// parsePlace reads one line; ok is false for lines that are no record's.
func parsePlace(line string) (p place, ok bool) {
	rest, found := strings.CutPrefix(line, "rmgr: ")
	head, description, whole := strings.Cut(rest, ", desc: ")
	_, total, both := strings.Cut(field(head, "len (rec/tot):"), "/")
	if !found || !whole || !both {
		return p, false
	}
	at, err := wal.ParseLSN(field(head, "lsn: "))
	p = place{at: at, length: uint32(number(total)), switches: strings.HasPrefix(head, "XLOG ") && strings.HasPrefix(description, "SWITCH")}
	return p, err == nil && p.length != 0
}

// relationOf reads "blkref #0: rel 1663/5/16384 …".
func relationOf(detail string) page.RelFile {
	_, after, found := strings.Cut(detail, "blkref #0: rel ")
	if !found {
		return page.RelFile{}
	}
	name, _, _ := strings.Cut(after, " ")
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return page.RelFile{}
	}
	return page.RelFile{Tablespace: uint32(number(parts[0])), Database: uint32(number(parts[1])), Node: uint32(number(parts[2]))}
}

// tuples is how many rows a MULTI_INSERT inserts: "61 tuples …" up to 15,
// "ntuples: 61, …" from 16 on.
func (r record) tuples() int64 {
	if text := field(r.detail, "ntuples: "); text != "" {
		return int64(number(text))
	}
	first, _, _ := strings.Cut(r.detail, " ")
	return int64(number(first))
}

// commitTime reads "2026-11-23 00:49:20.123456 UTC; …".
func (r record) commitTime() time.Time {
	text, _, _ := strings.Cut(r.detail, " UTC")
	if _, after, prepared := strings.Cut(text, ": "); prepared {
		text = after // COMMIT_PREPARED names its transaction first
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999", strings.TrimSpace(text))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// list returns the words of one part of a commit record, "rels: a b; …".
func (r record) list(name string) []string {
	for part := range strings.SplitSeq(r.detail, "; ") {
		if words, found := strings.CutPrefix(strings.TrimSpace(part), name+": "); found {
			return strings.Fields(words)
		}
	}
	return nil
}

// prepared is the transaction a COMMIT PREPARED ends; 0 for a plain one.
func (r record) prepared() uint32 {
	first, _, found := strings.Cut(r.detail, ":")
	if !found || !strings.HasSuffix(r.what, "_PREPARED") {
		return 0
	}
	return uint32(number(first))
}

// field returns what lies between a mark and the next comma, trimmed; "" without it.
func field(text, begin string) string {
	_, after, found := strings.Cut(text, begin)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(after, ",")
	return strings.TrimSpace(value)
}

// number reads digits; text of another program that is none counts as 0.
func number(text string) uint64 {
	value, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return value
}
