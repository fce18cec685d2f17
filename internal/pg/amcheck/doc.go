// Package amcheck runs PostgreSQL's own structural checks over every table and
// B-tree index: verify_heapam (from PostgreSQL 14) and bt_index_check. They find
// what page checksums cannot: pages that are intact and wrong.
//
// Each relation is checked in a statement of its own, so that one that makes the
// backend fail leaves the others checked. What could not be checked is in
// Result.Unknown, what this version of PostgreSQL has no check for in
// Result.Skipped. Sound is true only when everything was checked and nothing found.
package amcheck
