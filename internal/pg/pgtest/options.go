package pgtest

import (
	"maps"
	"strings"
)

// Option changes how Start makes a server.
type Option func(*options)

type options struct {
	settings  map[string]string
	fresh     bool
	checksums bool
	stopped   bool
	walSegMiB int
}

func defaults() options {
	return options{checksums: true, walSegMiB: 16, settings: map[string]string{
		"listen_addresses": "127.0.0.1", "fsync": "off", "shared_buffers": "16MB", "max_connections": "40",
		"wal_level": "replica", "max_wal_senders": "8", "autovacuum": "off", "timezone": "UTC",
		"log_min_messages": "warning", "max_wal_size": "512MB",
	}}
}

// With sets one line of postgresql.conf.
func With(name, value string) Option {
	return func(o *options) { o.settings[name] = value }
}

// WithAll sets several lines of postgresql.conf.
func WithAll(settings map[string]string) Option {
	return func(o *options) { maps.Copy(o.settings, settings) }
}

// ArchiveTo archives WAL with cp into dir, where a file appears whole. dir must
// exist and belong to the server's user (see Dir). Pair it with RestoreFrom.
func ArchiveTo(dir string) Option {
	return WithAll(map[string]string{
		"archive_mode": "on", "archive_command": "test ! -f " + dir + "/%f && cp %p " + dir + "/.%f && mv " + dir + "/.%f " + dir + "/%f",
	})
}

// RestoreFrom is the restore_command for what ArchiveTo archived.
func RestoreFrom(dir string) string { return "cp " + dir + "/%f %p" }

// Fresh runs initdb for this server: a system identifier of its own.
func Fresh() Option { return func(o *options) { o.fresh = true } }

// WithoutChecksums makes a fresh cluster without page checksums.
func WithoutChecksums() Option {
	return func(o *options) { o.fresh, o.checksums = true, false }
}

// SegmentMiB makes a fresh cluster with WAL segments of this size.
func SegmentMiB(size int) Option {
	return func(o *options) { o.fresh, o.walSegMiB = true, size }
}

// Stopped leaves the server down; Server.Start starts it.
func Stopped() Option { return func(o *options) { o.stopped = true } }

func (o options) conf() string {
	var text strings.Builder
	for name, value := range o.settings {
		text.WriteString(name + " = '" + strings.ReplaceAll(value, "'", "''") + "'\n")
	}
	return text.String()
}
