// Package wal knows PostgreSQL's write-ahead log as bytes and names: positions,
// timelines, segment files, history files and page headers. It decides nothing
// and touches neither a database nor a store.
//
// Sources: PostgreSQL documentation, "WAL Internals" and "Continuous Archiving";
// src/include/access/xlog_internal.h and src/include/access/xlogdefs.h.
package wal
