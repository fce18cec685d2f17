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
// Package storetest holds the conformance suite that every implementation, and
// every user's real bucket (starter plan check --live), must pass.
package store
