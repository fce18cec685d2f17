// Package file is the directory store: an object store on a mounted disk, for a
// copy on the premises, for tests, and for people without a cloud.
//
//	objects/<key>   the bytes, under their own name, so that people can use them
//	sha256/<key>    one line as sha256sum writes it: (cd objects && sha256sum -c ../sha256/<key>)
//	tmp/            what is being written; never listed, removed when a day old
//	locks/          empty files; flock on them orders writers of the same key
//
// # How Put keeps its promises
//
// The bytes go to tmp/ and are synced. Then, under the key's lock, the digest is
// written and synced, and link(2) gives the bytes their name: that one call both
// refuses an existing key and publishes the object whole. A crash before it
// leaves a temporary file, or a digest without an object; neither is ever
// listed, and the next Put of the key replaces both. A crash after it leaves an
// object whose name a power cut may still take: whoever finds it there, by Put or
// Stat, syncs its directory before saying so. The same goes for the directories
// above it. Where flock does not work
// (some network file systems) link(2) still refuses the second writer; the worst
// that can happen is a wrong digest, which reads as failure.Corrupt.
//
// # What it does not have
//
// Versions and locks: whoever may write to the directory may delete from it. A
// key cannot lie below another key ("a" and "a/b"), as names in a directory cannot.
package file
