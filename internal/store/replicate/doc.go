// Package replicate keeps small objects in every store at once: records, reports
// and requests that must outlive any one provider.
//
// One store that takes an object is enough to go on; what is missing elsewhere is
// said, so that it can be repaired. An object that is already there with the same
// bytes counts as written, so that everything here may run twice; with other
// bytes it is failure.Exists, and nothing was changed.
package replicate
