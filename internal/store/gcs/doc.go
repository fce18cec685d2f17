// Package gcs keeps objects in Google Cloud Storage.
//
// # How the promises are kept
//
//   - Nothing is overwritten: uploads carry the precondition that no object of
//     that name exists.
//   - A retry whose first attempt succeeded, with the answer lost, is told that
//     the object exists. Every Put therefore records a random mark with the
//     object: when the mark of what is there is the Put's own, it succeeded. An
//     identical object of another Put stays failure.Exists.
//   - Whole: GCS knows no SHA-256, but refuses bytes that do not have the CRC32C
//     sent ahead of them. Where the caller has none, the body is read once before,
//     compared with its digest, and its CRC32C computed.
//   - The SHA-256 is recorded as metadata, so that Stat can give it back.
//   - A version is a generation. A deleted object leaves no delete marker: its
//     generations are listed and none of them is the latest.
//   - A lock is an object retention in mode Locked, on buckets made with object
//     retention enabled.
//
// # Permissions
//
// storage.buckets.get, storage.objects.create, .get and .list; with locks
// storage.objects.setRetention and .update; storage.objects.delete only where
// retention runs.
package gcs
