// Package keyring holds the OpenPGP keys around a backup: who can read it, who
// wrote it, and how a host gets to read one set without ever holding a private
// decryption key.
//
// # Promises
//
//  1. A host that backs up holds public keys only (Recipients, two or more). It
//     cannot read back what it wrote.
//  2. Everything is plain OpenPGP: GnuPG 2.2 decrypts and verifies what is
//     written in the default mode, and its RSA and Curve25519 keys work here.
//  3. A restoring host asks for session keys of named sets (Ephemeral, Request);
//     the key holder answers for those it was told to allow (Holder) and seals
//     the answer to that one request's ephemeral key. Nothing else leaves.
//  4. Signing keys are trusted inside validity windows, judged by the time a
//     store says, never by the time a signature claims.
//  5. Session keys and private keys never print.
package keyring
