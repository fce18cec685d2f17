// Package archive turns files into backup sets in object stores and back. It
// knows no database and no cloud. docs/format.md describes the format to the
// byte, and how to restore without holdfast.
//
// # Shape of a set
//
//	v1/<source>/sets/<set>/parts/<n>-<attempt>.tar.zst.pgp   tar | zstd | OpenPGP, about 32 MiB of files each
//	v1/<source>/sets/<set>/manifest-<attempt>.json.zst.pgp   every file and slice; private: encrypted and signed
//	v1/<source>/sets/<set>/set.json                          the descriptor: clear text, signed, written last
//
// Files are cut into slices; slices are packed into parts. A slice whose content
// an earlier live set already holds is referred to, not stored again.
//
// # Promises
//
//  1. A set is visible only when its descriptor exists, and then it is whole:
//     every part it names was acknowledged by, or checked in, each store it names.
//  2. Nothing is overwritten. An attempt that is killed leaves parts nobody
//     names; the next attempt of the same set reuses those in its journal.
//  3. Readers believe signatures and digests, in this order: descriptor
//     (signature, set, source), manifest (digest, signature), part (SHA-256 of
//     the ciphertext before it is decrypted), slice (SHA-256 before it is written).
//  4. A changed byte anywhere is failure.Corrupt naming what it hit; another
//     store's good copy is used and the repair recorded.
//  5. Memory is bounded whatever the size of the data: see Config.MemoryBytes.
//  6. Nothing is written outside the restore target and its mapped roots.
package archive
