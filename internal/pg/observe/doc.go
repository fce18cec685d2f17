// Package observe measures how a PostgreSQL cluster serves its applications
// and compares what it measured with a baseline.
package observe
