// Package seal turns bytes into OpenPGP messages and back: streams for parts and
// manifests, whole objects (zstd inside) for WAL segments and tails.
//
// A sealed object is a key header (one encrypted session key for each recipient)
// followed by one integrity-protected packet that holds one literal packet, whose
// name is the key the object was made to have in the stores. The default is AES-256-CFB with an SHA-1 modification detection code, which GnuPG
// 2.2 reads. That code only guards against accidents and wrong keys: who relies
// on content compares its SHA-256 with a signed record first.
//
// CFB is written here, over crypto/aes, because the byte-wise stream of the
// OpenPGP library runs at a quarter of the speed; packets, keys and signatures
// are the library's.
package seal
