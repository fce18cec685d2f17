// Package damage measures how far physical damage goes: every page of every
// relation file of a cluster is read and its checksum verified, running or
// stopped, and bad blocks are put against the relations they belong to.
//
// # Pages that change while they are read
//
// On a running server a page can be read half old, half new. A page that fails
// is read again until two readings agree: bytes that stay the same and are wrong
// are damage, bytes that keep changing are reported as unsettled, never as fine.
// (pg_basebackup instead trusts pages whose LSN is newer than the backup's
// start, which lets a damaged LSN hide its page.)
//
// Package amcheck, beside this one, finds damage that checksums cannot see.
package damage
