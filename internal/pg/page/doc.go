// Package page reads PostgreSQL's data pages as bytes: their checksum, and which
// relation's which block a file holds. It is pure.
//
// Sources: src/include/storage/checksum_impl.h, bufpage.h;
// src/common/relpath.c; PostgreSQL documentation, "Database File Layout".
package page
