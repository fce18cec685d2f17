// Package store is the contract every object store meets: what holdfast may
// rely on when it keeps the only copy of somebody's data.
//
// # Promises
//
//  1. Nothing is overwritten. Put creates an object or fails with
//     failure.Exists; it never replaces one. There is no update.
//  2. What Put acknowledged is durable and whole: the provider checked the
//     bytes against the checksum Put sent, or Put failed.
//  3. Get with a version returns those bytes or an error, whatever was put,
//     deleted or forged under the same key later.
//  4. List shows every object acknowledged before the call, in ascending byte
//     order of keys. With Versions it shows every version and delete marker.
//  5. Errors are classed: NotFound, Exists, Forbidden, Corrupt, Unavailable.
//     An answer that is not understood is Unknown, never "absent".
//  6. Times are the store's own, never the caller's clock.
//
// # Details every implementation keeps
//
//   - A key is 1 to 900 bytes of UTF-8 without control characters, of segments of
//     at most 240 bytes, none of them empty, "." or ".." (CheckKey). A key must
//     not lie below another ("a" and "a/b"): directories cannot hold both.
//   - A Put that ends in Unavailable may have made the object all the same. Run
//     again it says Exists; the caller compares by Stat. Within one Put a retry
//     after a lost answer recognises its own object and succeeds; it never takes
//     another Put's object for its own, not even an identical one.
//   - A body that is not what PutOptions say is Corrupt and leaves nothing.
//   - Reading at or past the end of an object gives no bytes and no error.
//   - An object that was copied in by other means has no recorded digest: its
//     SHA256 is zero and reading it checks only its size. Compare it with the
//     manifest's digest.
//   - A plain listing may leave Version empty.
//   - Get, Stat and List of what another store cannot have (a version that never
//     was) are NotFound.
//
// Package storetest holds the conformance suite that every implementation, and
// every user's real bucket (starter plan check --live), must pass.
package store
