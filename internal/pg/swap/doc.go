// Package swap exchanges a damaged PostgreSQL data directory for a restored
// one on the same host, and exchanges them back.
package swap
